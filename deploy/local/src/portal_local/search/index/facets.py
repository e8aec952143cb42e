"""The values of filterable and sortable fields in memory, each with its set of documents."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any

from portal_local.search.bitmaps import (
    Members,
    RangeUnions,
    added,
    bits,
    joined,
    numbers_in,
    removed,
)
from portal_local.search.index.tokenizer import facet_form


class Field:
    """The values of one field, and the documents in which it exists, is null or is empty."""

    def __init__(self) -> None:
        self.numbers: dict[float, Members] = {}
        self.strings: dict[str, Members] = {}
        self.labels: dict[str, str] = {}
        self.present = 0
        self.null = 0
        self.empty = 0
        self._sorted_numbers: list[float] | None = None
        self._sorted_strings: list[str] | None = None
        self._ranges: RangeUnions | None = None  # of the sorted numbers
        self._string_ranges: RangeUnions | None = None
        self._ranks: dict[bool, dict[int, tuple[int, Any]]] = {}

    def sorted_numbers(self) -> list[float]:
        if self._sorted_numbers is None:
            self._sorted_numbers = sorted(self.numbers)
        return self._sorted_numbers

    def _number_ranges(self) -> RangeUnions:
        if self._ranges is None:
            self._ranges = RangeUnions([self.numbers[key] for key in self.sorted_numbers()])
        return self._ranges

    def _ranges_of_strings(self) -> RangeUnions:
        if self._string_ranges is None:
            self._string_ranges = RangeUnions([self.strings[key] for key in self.sorted_strings()])
        return self._string_ranges

    def sorted_strings(self) -> list[str]:
        if self._sorted_strings is None:
            self._sorted_strings = sorted(self.strings)
        return self._sorted_strings

    def add(self, number: int, value: Any) -> None:
        self._ranks.clear()
        if isinstance(value, bool):
            self._add_string(number, "true" if value else "false")
        elif isinstance(value, str):
            self._add_string(number, value)
        elif isinstance(value, int | float):
            key = as_number(value)
            if key is not None:
                if key not in self.numbers:
                    self._sorted_numbers = None
                self._ranges = None
                self.numbers[key] = added(self.numbers.get(key), number)

    def _add_string(self, number: int, value: str) -> None:
        key = facet_form(value)
        self._string_ranges = None
        if key not in self.strings:
            self._sorted_strings = None
        self.strings[key] = added(self.strings.get(key), number)
        if value != key:
            self.labels[key] = value

    def drop(self, number: int, value: Any) -> None:
        self._ranks.clear()
        if isinstance(value, bool):
            self._drop_string(number, "true" if value else "false")
        elif isinstance(value, str):
            self._drop_string(number, facet_form(value))
        elif isinstance(value, int | float):
            key = as_number(value)
            if key is not None and key in self.numbers:
                self._ranges = None
                left = removed(self.numbers[key], number)
                if left is None:
                    del self.numbers[key]
                    self._sorted_numbers = None
                else:
                    self.numbers[key] = left

    def _drop_string(self, number: int, key: str) -> None:
        if key not in self.strings:
            return
        self._string_ranges = None
        left = removed(self.strings[key], number)
        if left is None:
            del self.strings[key]
            self.labels.pop(key, None)
            self._sorted_strings = None
        else:
            self.strings[key] = left

    def join(self, other: "Field", shift: int) -> None:
        """Adds another field whose documents have numbers that are lower by `shift`."""
        self.present |= other.present << shift
        self.null |= other.null << shift
        self.empty |= other.empty << shift
        for number, members in other.numbers.items():
            self.numbers[number] = joined(self.numbers.get(number), members, shift)
        for text, members in other.strings.items():
            self.strings[text] = joined(self.strings.get(text), members, shift)
        self.labels.update(other.labels)

    def label(self, key: str) -> str:
        return self.labels.get(key, key)

    def equal(self, value: str) -> int:
        found = bits(self.strings.get(facet_form(value)))
        number = parsed_number(value)
        if number is not None:
            found |= bits(self.numbers.get(number))
        return found

    def between(self, low: str | None, high: str | None, *, open_ends: bool) -> int:
        """Returns the documents with a number or string (in lexical order) between the bounds."""
        found = 0
        low_number = None if low is None else parsed_number(low)
        high_number = None if high is None else parsed_number(high)
        if (low is None or low_number is not None) and (high is None or high_number is not None):
            keys = self.sorted_numbers()
            start, end = _span(keys, low_number, high_number, open_ends=open_ends)
            found |= self._number_ranges().union(start, end)
        texts = self.sorted_strings()
        low_text = None if low is None else facet_form(low)
        high_text = None if high is None else facet_form(high)
        start, end = _span(texts, low_text, high_text, open_ends=open_ends)
        return found | self._ranges_of_strings().union(start, end)

    def beginning(self, start: str) -> int:
        found = 0
        form = facet_form(start)
        keys = self.sorted_strings()
        for index in range(bisect_left(keys, form), len(keys)):
            if not keys[index].startswith(form):
                break
            found |= bits(self.strings[keys[index]])
        return found

    def ordered(self, *, descending: bool) -> Iterator[tuple[Any, Members]]:
        """Yields the values in sorting order; numbers come before strings in both directions."""
        numbers = self.sorted_numbers()
        for key in reversed(numbers) if descending else numbers:
            yield key, self.numbers[key]
        texts = self.sorted_strings()
        for text in reversed(texts) if descending else texts:
            yield text, self.strings[text]

    def size(self) -> int:
        """Returns the number of different values."""
        return len(self.numbers) + len(self.strings)

    def ranks(self, *, descending: bool) -> dict[int, tuple[int, Any]]:
        """Returns for each document the rank of its first value by sorting order, and the value."""
        found = self._ranks.get(descending)
        if found is None:
            found = self._ranks[descending] = {}
            for rank, (value, members) in enumerate(self.ordered(descending=descending)):
                for number in numbers_in(members) if isinstance(members, int) else members:
                    found.setdefault(number, (rank, value))
        return found


def _span(keys: list[Any], low: Any, high: Any, *, open_ends: bool) -> tuple[int, int]:
    lower, upper = (bisect_right, bisect_left) if open_ends else (bisect_left, bisect_right)
    start = 0 if low is None else lower(keys, low)
    return start, len(keys) if high is None else max(start, upper(keys, high))


class Facets:
    """The fields of one index that are filterable or sortable."""

    def __init__(self) -> None:
        self.fields: dict[str, Field] = {}

    def add(self, number: int, values: "Values") -> None:
        for name, kinds, listed in values:
            field = self.fields.setdefault(name, Field())
            mark = 1 << number
            field.present |= mark
            if kinds == NULL:
                field.null |= mark
            elif kinds == EMPTY:
                field.empty |= mark
            for value in listed:
                field.add(number, value)

    def drop(self, number: int, values: "Values") -> None:
        for name, _kinds, listed in values:
            field = self.fields.get(name)
            if field is None:
                continue
            keep = ~(1 << number)
            field.present &= keep
            field.null &= keep
            field.empty &= keep
            for value in listed:
                field.drop(number, value)
            if not field.present:
                del self.fields[name]

    def join(self, other: "Facets", shift: int) -> None:
        """Adds documents whose numbers are lower by `shift`; before the first search."""
        for name, field in other.fields.items():
            self.fields.setdefault(name, Field()).join(field, shift)

    def field(self, name: str) -> Field:
        return self.fields.get(name) or Field()


NULL, EMPTY, FULL = 1, 2, 3
Values = list[tuple[str, int, list[Any]]]


def as_number(value: float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def parsed_number(text: str) -> float | None:
    """Parses the value of a filter as a finite number, None if it is not one."""
    stripped = text.strip()
    if not stripped or "_" in stripped:
        return None
    try:
        return as_number(float(stripped))
    except ValueError:
        return None


def kind_of(value: Any) -> int:
    if value is None:
        return NULL
    if value in ("", [], {}):
        return EMPTY
    return FULL
