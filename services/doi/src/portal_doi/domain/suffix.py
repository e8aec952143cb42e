"""DOI suffixes: made from the pid alone, without meaning, with a check character.

Groups as the profile configures them, as in `7qvh-9k2m-e4xd`: bits of the pid's SHA-256 in
Crockford's base 32, then a check character that detects any one wrong character and any two
exchanged ones (in up to 31 characters).
"""

import hashlib
import re

from portal_shared.profile import SuffixRules

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # no i, l, o, u: they are misread
DEFAULT_RULES = SuffixRules()
_OVERFLOW, _POLYNOMIAL = 0b100000, 0b100101  # x^5 + x^2 + 1, primitive: the field of 32 elements


def suffix(pid: str, attempt: int = 0, rules: SuffixRules = DEFAULT_RULES) -> str:
    """Return the suffix for a pid, always the same; a different one for each further attempt."""
    text = pid if attempt == 0 else f"{pid}\n{attempt}"  # no pid contains a line break
    count = rules.groups * rules.size - 1
    number = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big") >> (256 - 5 * count)
    values = [number >> 5 * place & 31 for place in reversed(range(count))]
    letters = "".join(ALPHABET[v] for v in [*values, _check(values)])
    size = rules.size
    return rules.start + "-".join(letters[i : i + size] for i in range(0, len(letters), size))


def has_our_shape(candidate: str, rules: SuffixRules = DEFAULT_RULES) -> bool:
    group = f"[{ALPHABET}]{{{rules.size}}}"
    shape = re.escape(rules.start) + "-".join([group] * rules.groups)
    return re.fullmatch(shape, candidate) is not None


def is_valid(candidate: str, rules: SuffixRules = DEFAULT_RULES) -> bool:
    """True if the suffix has our shape and its check character is right."""
    if not has_our_shape(candidate, rules):
        return False
    letters = candidate.removeprefix(rules.start)
    values = [ALPHABET.index(c) for c in letters if c != "-"]
    return _check(values[:-1]) == values[-1]


def _check(values: list[int]) -> int:
    """Return the sum of value times x^place; the check character's own place is the 0th."""
    total = 0
    for value in values:
        total = _times_x(total ^ value)
    return total


def _times_x(element: int) -> int:
    shifted = element << 1
    return shifted ^ _POLYNOMIAL if shifted & _OVERFLOW else shifted
