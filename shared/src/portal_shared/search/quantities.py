"""Numbers with units in texts and queries, as words that are equal for equal quantities.

25.08um, 25.08 µm and 0.02508 mm have the same word; the indexer adds it to a record, the gateway
searches it.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from portal_shared import units
from portal_shared.search import index_fields, query_terms

MAX_QUANTITIES = 200  # in one text
_LETTERS = str.maketrans("0123456789", "ghijklmnop")  # a word of letters only is never split
_GROUPED = (  # thousands: 1 024, 1'024, 1,024.5 and 1.024,5, of which 1.024 alone is a decimal
    r"[1-9]\d{0,2}(?:(?P<mark>[ '\u2019])\d{3}(?:(?P=mark)\d{3}){0,3}(?:[.,]\d{1,15})?"
    r"|(?:,\d{3}){1,4}(?:\.\d{1,15})?|(?:\.\d{3}){2,4}(?:,\d{1,15})?|\.\d{3},\d{1,15})"
)
_NUMBER = rf"(?P<grouped>{_GROUPED})(?!\d)|\d{{1,15}}(?:[.,]\d{{1,15}})?(?:[eE][-+]?\d{{1,2}})?"
_UNIT = r"[A-Za-z\u03bc\u03a9\u00c5\u00b0%\u2030]{1,20}"
_QUANTITY = re.compile(
    rf"(?P<sign>(?<![^\s(\[<>=~])[-+\u2212])?(?<![^\W_])(?<![.,])(?P<number>{_NUMBER})"
    r"(?:\s?|-(?=[^\W\d_]{2}))"  # papers write 2.5-µm voxels
    rf"(?P<unit>{_UNIT}(?:/{_UNIT})?(?:\^?[-\u2212]?\d)?)(?![^\W_])"
)
_DIGIT = re.compile(r"\d")
_ZERO_GROUP = re.compile(r" 0\d\d")


@dataclass(frozen=True)
class Quantity:
    """A quantity in a text: where it is, as it is written, and its word."""

    start: int
    end: int
    written: str
    word: str


def word(value: float, unit: str | None, parameter: str = "") -> str | None:
    """Returns the word of a quantity, the same in every unit; None without a known unit."""
    known = units.find(unit, parameter)
    if known is None:
        return None
    key = f"{known.to_si(value):.9g} {index_fields.dimension_key(known)}"
    return "q" + index_fields.digest(key).translate(_LETTERS)


def find(text: str) -> Iterator[Quantity]:
    """Yields the numbers with a known unit; `text` is in the form of normalize().

    A number inside of an identifier (VOI-01) is none; one after an underscore is. A number before
    a group of three digits is its thousands (1 024 um, 1,024 um); a decimal point is not (1.024).
    """
    if not _DIGIT.search(text):
        return
    at = 0
    for _ in range(MAX_QUANTITIES):
        match = _QUANTITY.search(text, at)
        if match is None:
            return
        at = match.end()
        unit = match["unit"]
        if _in_identifier(text, match.start("number")):
            if match["mark"]:  # of LADAF-2020-27 500 um, the 500 is a number of its own
                at = text.index(match["mark"], match.start("number"))
            continue
        if unit in query_terms.stop_words() or _is_list(match["grouped"]):
            continue
        found = word(_value(match) * (-1 if match["sign"] in ("-", "\u2212") else 1), unit)
        if found:
            yield Quantity(match.start(), match.end(), match[0], found)


def _is_list(grouped: str | None) -> bool:
    """Whether groups between blanks may be several numbers: 100 200 300, but not 1 024 000."""
    return grouped is not None and grouped.count(" ") > 1 and not _ZERO_GROUP.search(grouped)


def _value(match: re.Match[str]) -> float:
    grouped = match["grouped"]
    if grouped is None:
        return float(match["number"].replace(",", "."))
    mark = next(c for c in grouped if not c.isdigit())
    return float(grouped.replace(mark, "").replace(",", "."))


def normalize(text: str) -> str:
    """Returns the text in NFKC, without invisible characters: one micro sign, one Å, one hyphen."""
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKC", text).replace("\u2010", "-")
    return "".join(c for c in plain if unicodedata.category(c) != "Cf")


def _in_identifier(text: str, at: int) -> bool:
    before = text[:at].rsplit(maxsplit=1)[-1] if at and not text[at - 1].isspace() else ""
    return any(c.isalpha() for c in before.rsplit("_", 1)[-1])
