"""How text is compared: as MariaDB's default collation does, or exactly.

utf8mb4_general_ci compares without case, accents and trailing spaces, one weight for each code
point, and has one weight for all characters outside the basic plane.
"""

import re
import unicodedata
from functools import lru_cache

COLLATIONS = ("general_ci", "exact")
_BASIC_PLANE = 0xFFFF


@lru_cache(maxsize=4096)
def _weight(character: str) -> str:
    if ord(character) > _BASIC_PLANE:
        return "\ufffd"
    return unicodedata.normalize("NFD", character)[0].upper()[0]


def weights(text: str) -> str:
    """Returns a text that compares as the collation compares this one."""
    return _weights(text.rstrip(" "))


def _weights(text: str) -> str:
    return text.upper() if text.isascii() else "".join(map(_weight, text))


def compare(left: str, right: str) -> int:
    """Returns a negative number, 0 or a positive number, as SQLite expects of a collation."""
    if left == right:
        return 0
    first, second = weights(left), weights(right)
    return (first > second) - (first < second)


def like_exactly(pattern: object, text: object, escape: str) -> bool | None:
    """LIKE as SQLite calls it; None if an operand is null."""
    if pattern is None or text is None:
        return None
    return _expression(str(pattern), escape).fullmatch(str(text)) is not None


def like_without_case(pattern: object, text: object, escape: str) -> bool | None:
    """LIKE that ignores case and accents as the collation does, but not trailing spaces."""
    if pattern is None or text is None:
        return None
    found = _expression(_weights(str(pattern)), _weights(escape)).fullmatch(_weights(str(text)))
    return found is not None


@lru_cache(maxsize=256)
def _expression(pattern: str, escape: str) -> re.Pattern[str]:
    """Returns a LIKE pattern as a regular expression; a final escape character is literal."""
    wildcards = {"%": ".*", "_": "."}
    parts: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            parts.append(re.escape(next(characters, character)))
        else:
            parts.append(wildcards.get(character) or re.escape(character))
    return re.compile("".join(parts), re.DOTALL)
