"""Small rules for words: camel case apart, capital letters, plural numbers, lists."""

import re
from collections.abc import Sequence

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def apart(name: str) -> str:
    """Returns `left_upper_lobe` or `internalCapsule` as separate words in small letters."""
    return _CAMEL.sub(" ", name.replace("_", " ")).lower()


def capital(text: str) -> str:
    """Returns the text with a capital first letter."""
    return text[:1].upper() + text[1:]


def count_noun(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def join(items: Sequence[str]) -> str:
    """Joins items as in `a, b and c`."""
    if len(items) < 2:  # noqa: PLR2004  # nothing to join
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
