"""The words of one index in memory."""

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence

from portal_local.search.words.typos import prefix_range

MAX_INSERTS = 64  # above this number of words, sorting again is faster than inserting each
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
