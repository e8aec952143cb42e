"""How text is compared: as MariaDB's default collation does, or exactly.

utf8mb4_general_ci compares without case, accents and trailing spaces, one weight for each code
point, and has one weight for all characters outside the basic plane.
"""

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
    plain = text.rstrip(" ")
    if plain.isascii():
        return plain.upper()
    return "".join(map(_weight, plain))


def compare(left: str, right: str) -> int:
    """Returns a negative number, 0 or a positive number, as SQLite expects of a collation."""
    if left == right:
        return 0
    first, second = weights(left), weights(right)
    return (first > second) - (first < second)
