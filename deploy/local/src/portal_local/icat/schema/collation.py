"""How text is compared: as MariaDB's default collation does, or exactly.

utf8mb4_general_ci has one weight for each code point. That of a Latin, Greek or Cyrillic letter of
Unicode 3.0 is its upper case without accents, that of other characters their own; all characters
outside the basic plane have the same. Trailing spaces do not count. The weights are those of
MariaDB 10.11.
"""

import re
import unicodedata
from functools import lru_cache

COLLATIONS = ("general_ci", "exact")
_BASIC_PLANE = 0xFFFF
_UNICODE = unicodedata.ucd_3_2_0  # Python's oldest
_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")
_SPECIAL = {"ß": "S", "ς": "Σ", "\u03f2": "Σ", "й": "Й", "Й": "Й"}
_WITHOUT_CASE = frozenset("ŉƞȠϘϙϵҊҋӅӆӉӊӍӎ" + "".join(map(chr, range(0x500, 0x510))))
_MIN_PARTS = 2  # a letter and an accent


@lru_cache(maxsize=4096)
def weight(character: str) -> str:
    """Returns the character that the collation sorts and compares this one as."""
    if ord(character) > _BASIC_PLANE:
        return "\ufffd"
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character in _WITHOUT_CASE or not _is_old(character):
        return character
    letter = _letter(character)
    capital = letter.upper()
    if len(capital) > 1 or not _is_old(_letter(capital)):
        return letter
    return _letter(capital)


def _is_old(character: str) -> bool:
    return _UNICODE.category(character) != "Cn"


def _letter(character: str) -> str:
    """Returns the letter without its accents, if it is Latin, Greek or Cyrillic."""
    parts = _UNICODE.decomposition(character).split()
    if len(parts) < _MIN_PARTS or parts[0].startswith("<"):
        return character
    letter = _letter(chr(int(parts[0], 16)))
    script = unicodedata.name(letter, "").partition(" ")[0]
    return letter if letter.isalpha() and script in _SCRIPTS else character


def weights(text: str) -> str:
    """Returns a text that compares as the collation compares this one."""
    return _weights(text.rstrip(" "))


def _weights(text: str) -> str:
    return text.upper() if text.isascii() else "".join(map(weight, text))


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
