"""Splits text into words with positions, and folds case and diacritics."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any

MAX_WORD_BYTES = 250
MAX_POSITION = 0xFFFF
CLAUSE_STEP = 8  # between words of different clauses or array elements

_CLAUSE_ENDS = (
    *"!:;?¡§¶¿",
    *("\N{ARABIC COMMA}", "\N{ARABIC SEMICOLON}", "\N{ARABIC QUESTION MARK}"),
    *("\N{IDEOGRAPHIC COMMA}", "\N{IDEOGRAPHIC FULL STOP}"),
    *("\N{FULLWIDTH EXCLAMATION MARK}", "\N{FULLWIDTH COMMA}", "\N{FULLWIDTH FULL STOP}"),
    *("\N{FULLWIDTH COLON}", "\N{FULLWIDTH SEMICOLON}", "\N{FULLWIDTH QUESTION MARK}"),
)
_CLAUSE_END = re.compile(f"[{''.join(_CLAUSE_ENDS)}]|[.,] ")
_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "ß": "ss", "þ": "th", "ð": "d"}
)


def _separator_class() -> str:
    """Returns punctuation, spaces and control characters as the inside of a character class."""
    ranges: list[tuple[int, int]] = []
    for code in range(0x10000):
        category = unicodedata.category(chr(code))
        if category[0] in "PZ" or category == "Cc":
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1] = (ranges[-1][0], code)
            else:
                ranges.append((code, code))
    return "".join(f"\\u{low:04x}-\\u{high:04x}" for low, high in ranges)


_SEPARATORS = _separator_class()


@lru_cache(maxsize=65_536)
def fold(word: str) -> str:
    """Returns the form in which words are compared: without case, diacritics and variants."""
    lowered = word.lower()
    if lowered.isascii():
        return lowered
    decomposed = unicodedata.normalize("NFKD", lowered)
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return plain.lower().translate(_LETTERS)


def facet_form(value: str) -> str:
    """Returns the form in which filters compare strings: trimmed, without case, with diacritics."""
    trimmed = value.strip()
    if trimmed.isascii():
        return trimmed.lower()
    return unicodedata.normalize("NFKD", trimmed).lower()


def ends_clause(gap: str) -> bool:
    """Returns whether the text between two words ends a clause."""
    return gap != " " and _CLAUSE_END.search(gap) is not None


class Tokeniser:
    """Splits texts by the separator, non-separator and dictionary settings of an index."""

    def __init__(
        self,
        separators: Iterable[str] = (),
        non_separators: Iterable[str] = (),
        dictionary: Iterable[str] = (),
    ) -> None:
        own = _alternatives(separators)
        not_separating = _alternatives(non_separators)
        whole = _alternatives(dictionary)
        char = f"[^{_SEPARATORS}]"
        unit = f"(?:{not_separating}|{char})" if not_separating else char
        run = f"(?:(?!{own}){unit})+" if own else f"{unit}+"
        parts = [f"(?P<own>{own})"] if own else []
        parts += [f"(?<!{char})(?P<whole>{whole})(?!{char})"] if whole else []
        self._run = re.compile("|".join([*parts, run]))

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yields the start and end of each word."""
        for match in self._run.finditer(text):
            start, end = match.span()
            if match.lastgroup == "own":
                continue
            yield start, end

    def words(self, text: str, position: int = 0) -> Iterator[tuple[str, int]]:
        """Yields the words and their positions; `position` is that of the first word."""
        behind = -1
        for start, end in self.spans(text):
            if behind >= 0:
                position += CLAUSE_STEP if ends_clause(text[behind:start]) else 1
            behind = end
            if position > MAX_POSITION:
                return
            word = fold(text[start:end])
            if word and len(word) <= MAX_WORD_BYTES:
                yield word, position

    def values(self, values: Iterable[Any]) -> Iterator[tuple[str, int]]:
        """Yields the words of the values of one field; values are as far apart as clauses."""
        position = 0
        for value in values:
            text = as_text(value)
            last = -1
            for word, last in self.words(text, position):
                yield word, last
            if last >= 0:
                position = last + CLAUSE_STEP


def as_text(value: Any) -> str:
    """Returns a scalar as text for the tokeniser; null is an empty text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else number_text(value)


def number_text(value: float) -> str:
    """Formats a number without an exponent and without a zero fraction."""
    if isinstance(value, int):
        return str(value)
    if value.is_integer():
        return str(int(value))
    text = repr(value)
    if "e" not in text:
        return text
    return f"{Decimal(text):f}"


def _alternatives(strings: Iterable[str]) -> str | None:
    longest_first = sorted({s for s in strings if s}, key=lambda s: (-len(s), s))
    return "|".join(map(re.escape, longest_first)) or None
