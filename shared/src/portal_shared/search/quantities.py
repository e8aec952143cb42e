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
_NUMBER = r"\d{1,15}(?:[.,]\d{1,15})?(?:[eE][-+]?\d{1,2})?"
_UNIT = r"[A-Za-z\u03bc\u03a9\u00c5\u00b0%\u2030]{1,20}"
_QUANTITY = re.compile(
    rf"(?P<sign>(?<![^\s(\[<>=~])[-+\u2212])?(?<![^\W_])(?<![.,])(?P<number>{_NUMBER})"
    r"(?:\s?|-(?=[^\W\d_]{2}))"  # papers write 2.5-µm voxels
    rf"(?P<unit>{_UNIT}(?:/{_UNIT})?(?:\^?[-\u2212]?\d)?)(?![^\W_])"
)
_DIGIT = re.compile(r"\d")
_THOUSANDS = re.compile(r"\d{1,3},\d{3}")


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

    A number inside of an identifier (VOI-01) is none; one after an underscore is.
    """
    if not _DIGIT.search(text):
        return
    for count, match in enumerate(_QUANTITY.finditer(text)):
        if count >= MAX_QUANTITIES:
            return
        unit, number = match["unit"], match["number"]
        if unit in query_terms.stop_words() or _in_identifier(text, match.start("number")):
            continue
        decimal = number.replace(",", "" if _THOUSANDS.fullmatch(number) else ".")
        value = float(decimal) * (-1 if match["sign"] in ("-", "\u2212") else 1)
        found = word(value, unit)
        if found:
            yield Quantity(match.start(), match.end(), match[0], found)


def normalize(text: str) -> str:
    """Returns the text in NFKC, without invisible characters: one micro sign, one Å, one hyphen."""
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKC", text).replace("\u2010", "-")
    return "".join(c for c in plain if unicodedata.category(c) != "Cf")


def _in_identifier(text: str, at: int) -> bool:
    before = text[:at].rsplit(maxsplit=1)[-1] if at and not text[at - 1].isspace() else ""
    return any(c.isalpha() for c in before.rsplit("_", 1)[-1])
