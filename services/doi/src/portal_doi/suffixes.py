"""The suffix of a DOI of ours: made of the pid alone, without meaning, and checkable. Pure.

Three groups of four, as in `7qvh-9k2m-e4xd`: 55 bits of the pid's SHA-256 in Crockford's base 32,
then a check character that notices any one wrong character and any two exchanged.
"""

import hashlib
import re

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # no i, l, o, u: they are misread
_SHAPE = re.compile(rf"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}")
_CHARACTERS = 11
_OVERFLOW, _POLYNOMIAL = 0b100000, 0b100101  # x^5 + x^2 + 1, primitive: the field of 32 elements


def suffix(pid: str, attempt: int = 0) -> str:
    """The same for the same pid for ever; another one for each further attempt."""
    text = pid if attempt == 0 else f"{pid}\n{attempt}"  # no pid holds a line break
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 9
    values = [number >> 5 * place & 31 for place in reversed(range(_CHARACTERS))]
    told = "".join(ALPHABET[v] for v in [*values, _check(values)])
    return f"{told[:4]}-{told[4:8]}-{told[8:]}"


def is_shaped_like_ours(candidate: str) -> bool:
    return _SHAPE.fullmatch(candidate) is not None


def is_right(candidate: str) -> bool:
    """Shaped like ours, and the check character fits."""
    if not is_shaped_like_ours(candidate):
        return False
    values = [ALPHABET.index(c) for c in candidate if c != "-"]
    return _check(values[:-1]) == values[-1]


def _check(values: list[int]) -> int:
    """The sum of value times x^place; the check character's own place is the 0th."""
    total = 0
    for value in values:
        total = _times_x(total ^ value)
    return total


def _times_x(element: int) -> int:
    shifted = element << 1
    return shifted ^ _POLYNOMIAL if shifted & _OVERFLOW else shifted
