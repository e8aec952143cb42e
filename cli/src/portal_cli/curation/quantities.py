"""Reads numbers with units from texts, in the notation with a decimal point or a decimal comma.

A number is read only if its meaning is certain: 1.024 is 1024 in half of Europe.
"""

import math
import re
from collections.abc import Iterable
from typing import Literal

QUANTITY = re.compile(  # a unit begins with a letter or sign of its own: no 1:30 s, no 2x10^3
    r"([-+]?(?:\d++\.?+\d*+|\.\d++)(?:[eE][-+]?\d++)?)"
    r"(?:\s*+((?![x\u00d7]\s*\d)(?:[^\W\d_]|[%\u2030\u00b0\u2032\u2033\"/(]).*))?"
)
_SPACED = re.compile(  # 1 024, 1'024: blanks and apostrophes are never decimal marks
    r"([-+]?\d{1,3})(?P<mark>[ \u00a0\u2009\u202f'\u2019])(\d{3}(?:(?P=mark)\d{3})*)(?!\d)"
)
_NUMBER = re.compile(r"\s*+([-+]?[\d.,]++)(.*+)", re.DOTALL)
_GROUPS = re.compile(r"[-+]?\d{1,3}([.,]\d{3})+")  # thousands, or three decimals
_BOTH = re.compile(r"[-+]?\d{1,3}(?:([.,])\d{3})+(?!\1)[.,]\d+")  # 1.024,5 or 1,024.5

DecimalMark = Literal[".", ","]


def without_blanks(text: str) -> str:
    """Returns the text with the number at its start as computers write it: 1024 for 1 024."""
    given = text.strip()
    if given.startswith("\u2212"):
        given = f"-{given[1:]}"
    found = _SPACED.match(given)
    if not found:
        return given
    return found[1] + found[3].replace(found["mark"], "") + given[found.end() :]


def parse_quantity(text: str) -> tuple[float, str | None] | None:
    """Returns number and unit of a text such as "25.14 um"; None if it is no such text."""
    found = QUANTITY.fullmatch(without_blanks(text))
    number = float(found[1]) if found else math.inf
    if not found or not math.isfinite(number):
        return None
    is_whole = number.is_integer() and not set(found[1]) & set(".eE")
    return (int(number) if is_whole else number), found[2]


def decimal_mark(texts: Iterable[str]) -> Literal[".", ",", "both"] | None:
    """Returns the decimal mark that the numbers of one table prove.

    "both": they contradict one another. None: no number proves one.
    """
    marks: set[DecimalMark] = {mark for text in texts if (mark := _proved_mark(text))}
    if len(marks) > 1:
        return "both"
    return next(iter(marks), None)


def _proved_mark(text: str) -> DecimalMark | None:
    """Returns the decimal mark of a number; None if it has none or it may separate thousands."""
    found = _NUMBER.fullmatch(text)
    digits = found[1] if found else ""
    if _BOTH.fullmatch(digits):
        return "," if digits.rindex(",") > digits.rindex(".") else "."
    if _GROUPS.fullmatch(digits) or len(re.findall(r"[.,]", digits)) != 1:
        return None
    return "," if "," in digits else "."


def is_grouped(text: str) -> bool:
    """Whether the text is a number whose only marks may be between thousands: 6.000, 1,024."""
    return bool(_GROUPS.fullmatch(text))


def has_point_or_comma(text: str) -> bool:
    """Whether the number at the start of the text has a decimal mark or separators."""
    found = _NUMBER.fullmatch(text)
    return bool(found) and bool(set(found[1]) & set(".,"))


def with_decimal_point(text: str, mark: DecimalMark) -> str | None:
    """Returns the text with the decimal mark as a point and without separators of thousands.

    None if the separators are not in groups of three digits.
    """
    found = _NUMBER.fullmatch(text)
    if not found:
        return text
    digits, rest = found[1], found[2]
    separator = "." if mark == "," else ","
    whole, _, decimals = digits.partition(mark)
    if separator in whole and not re.fullmatch(rf"[-+]?\d{{1,3}}(?:\{separator}\d{{3}})+", whole):
        return None
    if mark in decimals or separator in decimals:
        return None
    plain = whole.replace(separator, "")
    return f"{plain}.{decimals}{rest}" if decimals else f"{plain}{rest}"
