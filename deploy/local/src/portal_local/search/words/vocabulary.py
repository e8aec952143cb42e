"""The words of one index in memory, and their positions in documents, read on demand."""

import sqlite3
from array import array
from bisect import insort
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from portal_local.search.index.bitmaps import bitmap, numbers_in
from portal_local.search.index.typos import prefix_range

MAX_INSERTS = 64  # above this number of words, sorting again is faster than inserting each
WORDS_PER_QUERY = 500
MAX_EXPANSIONS = 5000

Key = tuple[str, int, bool]
Expansion = tuple[
    tuple[tuple[str | None, ...], ...],
    tuple[tuple[str | None, ...], ...],
    tuple[tuple[str | None, ...], ...],
]


class Vocabulary:
    """All words that occur in documents, with their id in the file and their document count."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.words: dict[int, str] = {}
        self.counts: dict[int, int] = {}
        self.sorted: list[str] = []
        self.expansions: dict[Key, Expansion] = {}

    def load(self, rows: Iterable[tuple[int, str, int]]) -> None:
        for word_id, word, documents in rows:
            self.ids[word] = word_id
            self.words[word_id] = word
            self.counts[word_id] = documents
        self.sorted = sorted(self.words[w] for w, documents in self.counts.items() if documents)

    def apply(self, new: Mapping[str, int], changes: Mapping[int, int]) -> None:
        """Adds new words and changes document counts."""
        for word, word_id in new.items():
            self.ids[word] = word_id
            self.words[word_id] = word
            self.counts[word_id] = 0
        self.expansions.clear()
        appeared: list[str] = []
        vanished: set[str] = set()
        for word_id, change in changes.items():
            before = self.counts[word_id]
            self.counts[word_id] = before + change
            if not before and before + change:
                appeared.append(self.words[word_id])
            elif before and not before + change:
                vanished.add(self.words[word_id])
        if vanished:
            self.sorted = [word for word in self.sorted if word not in vanished]
        if len(appeared) > MAX_INSERTS:
            self.sorted.extend(appeared)
            self.sorted.sort()
        else:
            for word in appeared:
                insort(self.sorted, word)

    def store_expansion(self, key: Key, derived: Expansion) -> None:
        """Caches the expansion of a word until the vocabulary changes."""
        if len(self.expansions) >= MAX_EXPANSIONS:
            self.expansions.clear()
        self.expansions[key] = derived

    def has(self, word: str) -> bool:
        return self.counts.get(self.ids.get(word, -1), 0) > 0

    def with_prefix(self, start: str, limit: int) -> Sequence[str]:
        low, high = prefix_range(self.sorted, start)
        return self.sorted[low : min(high, low + limit)]


class Posting:
    """The positions of one word: packed arrays of (field << 16 | position) by document number."""

    __slots__ = ("_by_fields", "bits", "places")

    def __init__(self, places: dict[int, bytes]) -> None:
        self.places = places
        self.bits = bitmap(places.keys())
        self._by_fields: dict[frozenset[int], tuple[int, dict[int, array[int]]]] = {}

    def bits_in(self, fields: frozenset[int]) -> int:
        """Returns the documents that have the word in one of the fields."""
        return self._in(fields)[0]

    def _in(self, fields: frozenset[int]) -> "tuple[int, dict[int, array[int]]]":
        """Returns the documents that have the word in the fields, and where; caches them."""
        known = self._by_fields.get(fields)
        if known is None:
            found: dict[int, array[int]] = {}
            for number in self.places:
                here = [at for at in self.positions(number) if at >> 16 in fields]
                if here:
                    found[number] = array("I", here)
            known = self._by_fields[fields] = bitmap(found.keys()), found
        return known

    def positions(self, number: int) -> "array[int]":
        unpacked = array("I")
        unpacked.frombytes(self.places[number])
        return unpacked

    def iterate(
        self, among: int, fields: frozenset[int] | None = None
    ) -> Iterator[tuple[int, "array[int]"]]:
        """Yields the positions in those of the documents that contain the word, in the fields."""
        if fields is None:
            for number in numbers_in(among & self.bits):
                yield number, self.positions(number)
            return
        bits, places = self._in(fields)
        for number in numbers_in(among & bits):
            yield number, places[number]


class Postings:
    """Reads postings from the file; caches the most recently used, up to `capacity` entries."""

    def __init__(self, connection: sqlite3.Connection, capacity: int = 250_000) -> None:
        self._connection = connection
        self._capacity = capacity
        self._entries = 0
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
        places: dict[int, dict[int, bytes]] = {}
        for word_id, number, positions in self._connection.execute(
            f"SELECT word_id, number, positions FROM postings WHERE word_id IN ({marks})",  # noqa: S608
            word_ids,
        ):
            places.setdefault(word_id, {})[number] = positions
        return {word_id: Posting(found) for word_id, found in places.items()}

    def _store(self, word_id: int, posting: Posting) -> None:
        self._cache[word_id] = posting
        self._entries += len(posting.places)
        while self._entries > self._capacity and len(self._cache) > 1:
            _, old = self._cache.popitem(last=False)
            self._entries -= len(old.places)

    def evict(self, word_ids: Iterable[int]) -> None:
        for word_id in word_ids:
            old = self._cache.pop(word_id, None)
            if old is not None:
                self._entries -= len(old.places)
