"""Where words are in documents: read from the file on demand, the most used ones in memory.

Documents in which a word has the same places are stored together: in a large index there are many
documents for each such form.
"""

import sqlite3
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from portal_local.search.bitmaps import Members, bits, compact, numbers_in, union

WORDS_PER_QUERY = 500
MAX_CACHED_BYTES = 128_000_000
_DENSE = 16  # an array by document number is used if it has at most so many items per document
_DICT_BYTES = 100  # of an entry

Places: TypeAlias = "array[int]"
"""Packed positions of a word in a document: field << 16 | position."""


class Posting:
    """The places of one word, by document number; `sets` are the documents of each form."""

    __slots__ = ("_by_fields", "_form_of", "_forms", "bits", "sets", "weight")

    def __init__(self, places: Iterable[tuple[int, bytes]]) -> None:
        listed: dict[bytes, list[int]] = {}
        for number, packed in places:
            listed.setdefault(packed, []).append(number)
        self._forms = [_unpacked(packed) for packed in listed]
        self.sets = [compact(numbers) for numbers in listed.values()]
        self.bits = union(self.sets)
        self._form_of = _form_of(list(listed.values()), self.bits.bit_length())
        self.weight = sum(map(_size, self.sets)) + _size(self._form_of)
        self._by_fields: dict[frozenset[int], tuple[int, list[Places]]] = {}

    def bits_in(self, fields: frozenset[int]) -> int:
        """Returns the documents that have the word in one of the fields."""
        return self._in(fields)[0]

    def _in(self, fields: frozenset[int]) -> tuple[int, list[Places]]:
        """Returns the documents that have the word in the fields, and the forms in these fields."""
        known = self._by_fields.get(fields)
        if known is None:
            forms = [array("I", (at for at in form if at >> 16 in fields)) for form in self._forms]
            found = union(s for s, form in zip(self.sets, forms, strict=True) if form)
            known = self._by_fields[fields] = found, forms
        return known

    def positions(self, number: int) -> Places:
        return self._forms[self._form_of[number] - 1]

    def alike(self, number: int, among: int) -> int:
        """Returns the documents that have the word in the same places as one does, or lack it too.

        The document is one of `among`.
        """
        table = self._form_of
        form = table.get(number, 0) if isinstance(table, dict) else _item(table, number)
        return among & bits(self.sets[form - 1]) if form else among & ~self.bits

    def iterate(
        self, among: int, fields: frozenset[int] | None = None
    ) -> Iterator[tuple[int, Places]]:
        """Yields the positions in those of the documents that contain the word, in the fields."""
        found, forms = (self.bits, self._forms) if fields is None else self._in(fields)
        table = self._form_of
        for number in numbers_in(among & found):
            yield number, forms[table[number] - 1]


class Postings:
    """Reads postings from the file; caches the most recently used, up to `capacity` bytes."""

    def __init__(self, connection: sqlite3.Connection, capacity: int = MAX_CACHED_BYTES) -> None:
        self._connection = connection
        self._capacity = capacity
        self._weight = 0
        self._cache: OrderedDict[int, Posting] = OrderedDict()

    def load(self, word_ids: Sequence[int]) -> dict[int, Posting]:
        """Returns the postings of words; words without postings are left out."""
        found: dict[int, Posting] = {}
        missing: list[int] = []
        for word_id in word_ids:
            posting = self._cache.get(word_id)
            if posting is None:
                missing.append(word_id)
            else:
                self._cache.move_to_end(word_id)
                found[word_id] = posting
        for start in range(0, len(missing), WORDS_PER_QUERY):
            for word_id, posting in self._read(missing[start : start + WORDS_PER_QUERY]).items():
                found[word_id] = posting
                self._store(word_id, posting)
        return found

    def _read(self, word_ids: Sequence[int]) -> dict[int, Posting]:
        marks = ",".join("?" * len(word_ids))
        places: dict[int, list[tuple[int, bytes]]] = {}
        for word_id, number, positions in self._connection.execute(
            f"SELECT word_id, number, positions FROM postings WHERE word_id IN ({marks})",  # noqa: S608
            word_ids,
        ):
            places.setdefault(word_id, []).append((number, positions))
        return {word_id: Posting(found) for word_id, found in places.items()}

    def _store(self, word_id: int, posting: Posting) -> None:
        self._cache[word_id] = posting
        self._weight += posting.weight
        while self._weight > self._capacity and len(self._cache) > 1:
            _, old = self._cache.popitem(last=False)
            self._weight -= old.weight

    def evict(self, word_ids: Iterable[int]) -> None:
        for word_id in word_ids:
            old = self._cache.pop(word_id, None)
            if old is not None:
                self._weight -= old.weight


def _unpacked(packed: bytes) -> Places:
    places = array("I")
    places.frombytes(packed)
    return places


def _form_of(listed: Sequence[Sequence[int]], end: int) -> "array[int] | dict[int, int]":
    """Returns the form of each document, counted from 1: of numbers below `end`, 0 for others."""
    pairs = ((number, form) for form, numbers in enumerate(listed, 1) for number in numbers)
    if end > _DENSE * sum(map(len, listed)):
        return dict(pairs)
    table = array("I", bytes(4 * end))
    for number, form in pairs:
        table[number] = form
    return table


def _item(table: "array[int]", number: int) -> int:
    return table[number] if number < len(table) else 0


def _size(part: "Members | dict[int, int]") -> int:
    if isinstance(part, int):
        return part.bit_length() // 8
    return len(part) * (_DICT_BYTES if isinstance(part, dict) else part.itemsize)
