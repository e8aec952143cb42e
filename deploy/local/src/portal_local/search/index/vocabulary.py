"""The words of one index in memory, and their places in documents, read when asked for."""

import sqlite3
from array import array
from bisect import insort
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from portal_local.search.index.bitmaps import bitmap, numbers_in
from portal_local.search.index.typos import starting

MANY = 64  # from here on, sorting anew is quicker than inserting one by one
CHUNK = 500
REMEMBERED = 5000

Key = tuple[str, int, bool]
Derived = tuple[
    tuple[tuple[str | None, ...], ...],
    tuple[tuple[str | None, ...], ...],
    tuple[tuple[str | None, ...], ...],
]


class Vocabulary:
    """Every word that some document has, with its number in the file and its document count."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.words: dict[int, str] = {}
        self.counts: dict[int, int] = {}
        self.sorted: list[str] = []
        self.derived: dict[Key, Derived] = {}

    def load(self, rows: Iterable[tuple[int, str, int]]) -> None:
        for word_id, word, documents in rows:
            self.ids[word] = word_id
            self.words[word_id] = word
            self.counts[word_id] = documents
        self.sorted = sorted(self.words[w] for w, documents in self.counts.items() if documents)

    def apply(self, new: Mapping[str, int], changes: Mapping[int, int]) -> None:
        """Take in new words and changed document counts."""
        for word, word_id in new.items():
            self.ids[word] = word_id
            self.words[word_id] = word
            self.counts[word_id] = 0
        self.derived.clear()
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
        if len(appeared) > MANY:
            self.sorted.extend(appeared)
            self.sorted.sort()
        else:
            for word in appeared:
                insort(self.sorted, word)

    def remember(self, key: Key, derived: Derived) -> None:
        """Keep what was derived of a word until the vocabulary changes."""
        if len(self.derived) >= REMEMBERED:
            self.derived.clear()
        self.derived[key] = derived

    def has(self, word: str) -> bool:
        return self.counts.get(self.ids.get(word, -1), 0) > 0

    def beginning(self, start: str, limit: int) -> Sequence[str]:
        low, high = starting(self.sorted, start)
        return self.sorted[low : min(high, low + limit)]


class Posting:
    """Where one word stands: document number to positions (field << 16 | position), packed."""

    __slots__ = ("bits", "places")

    def __init__(self, places: dict[int, bytes]) -> None:
        self.places = places
        self.bits = bitmap(places.keys())

    def at(self, number: int) -> "array[int]":
        unpacked = array("I")
        unpacked.frombytes(self.places[number])
        return unpacked

    def unpacked(self, among: int) -> Iterator[tuple[int, "array[int]"]]:
        """The positions in those of the documents that have the word."""
        for number in numbers_in(among & self.bits):
            yield number, self.at(number)


class Postings:
    """Reads postings from the file; the most used stay in memory up to `capacity` entries."""

    def __init__(self, connection: sqlite3.Connection, capacity: int = 250_000) -> None:
        self._connection = connection
        self._capacity = capacity
        self._entries = 0
        self._cache: OrderedDict[int, Posting] = OrderedDict()

    def of(self, word_ids: Sequence[int]) -> dict[int, Posting]:
        """The postings of words; those without any are left out."""
        found: dict[int, Posting] = {}
        missing: list[int] = []
        for word_id in word_ids:
            posting = self._cache.get(word_id)
            if posting is None:
                missing.append(word_id)
            else:
                self._cache.move_to_end(word_id)
                found[word_id] = posting
        for start in range(0, len(missing), CHUNK):
            for word_id, posting in self._read(missing[start : start + CHUNK]).items():
                found[word_id] = posting
                self._keep(word_id, posting)
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

    def _keep(self, word_id: int, posting: Posting) -> None:
        self._cache[word_id] = posting
        self._entries += len(posting.places)
        while self._entries > self._capacity and len(self._cache) > 1:
            _, old = self._cache.popitem(last=False)
            self._entries -= len(old.places)

    def forget(self, word_ids: Iterable[int]) -> None:
        for word_id in word_ids:
            old = self._cache.pop(word_id, None)
            if old is not None:
                self._entries -= len(old.places)
