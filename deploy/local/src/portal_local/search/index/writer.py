"""One change of an index's documents: written to the file first, then to memory, or not at all."""

import json
import sqlite3
from array import array
from collections import Counter
from collections.abc import Iterable
from typing import Any

from portal_local.search.index.attributes import Rules
from portal_local.search.index.documents import Document, Prepared, dumped, prepared, values_of
from portal_local.search.index.facets import Facets, Values
from portal_local.search.index.index import Index


class Change:
    """Documents put and removed in one transaction; `apply` brings memory to the same state.

    Built on the writing connection inside a transaction; nothing in memory is touched before
    `apply`, which is called when the transaction was committed.
    """

    def __init__(self, connection: sqlite3.Connection, index: Index, rules: Rules) -> None:
        self._run = connection.execute
        self._many = connection.executemany
        self._index = index
        self._rules = rules
        self._new_words: dict[str, int] = {}
        self._new_fields: dict[str, int] = {}
        self._counts: Counter[int] = Counter()
        self._touched: set[int] = set()
        self._dropped: list[tuple[int, Values]] = []
        self._added: list[tuple[int, Values]] = []
        self._alive = index.alive
        self._free = 0

    def put(self, external: str, number: int | None, old: Document | None, new: Document) -> None:
        """Store a document under its identifier, over the old one if there is one."""
        ready = prepared(new, self._rules, self._field)
        if number is None:
            number = self._next_number()
        before = self._words_of(number) if old is not None else array("I")
        word_ids = self._write_words(number, ready, before)
        self._run(
            "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (index_id, number) "
            "DO UPDATE SET body = excluded.body, words = excluded.words, "
            "lengths = excluded.lengths",
            (
                self._index.number,
                number,
                external,
                dumped(new),
                word_ids.tobytes(),
                json.dumps(ready.lengths),
            ),
        )
        if old is not None:
            self._dropped.append((number, values_of(old, self._index.rules)))
        self._added.append((number, ready.values))
        self._alive |= 1 << number

    def remove(self, number: int) -> None:
        index = self._index.number
        row = self._run(
            "SELECT body FROM documents WHERE index_id = ? AND number = ?", (index, number)
        ).fetchone()
        before = self._words_of(number)
        self._many(
            "DELETE FROM postings WHERE word_id = ? AND number = ?",
            [(word_id, number) for word_id in before],
        )
        for word_id in before:
            self._counts[word_id] -= 1
        self._touched.update(before)
        self._run("DELETE FROM documents WHERE index_id = ? AND number = ?", (index, number))
        self._dropped.append((number, values_of(json.loads(row[0]), self._index.rules)))
        self._alive &= ~(1 << number)

    def finish(self) -> None:
        """Write what is counted over the whole change; the last step before the commit."""
        index = self._index.number
        self._many(
            "UPDATE words SET documents = documents + ? WHERE id = ?",
            [(change, word_id) for word_id, change in self._counts.items() if change],
        )
        self._many(
            "INSERT INTO fields VALUES (?, ?, ?)",
            [(index, field, name) for name, field in self._new_fields.items()],
        )

    def apply(self, facets: Facets | None = None) -> None:
        """Bring memory to the committed state; `facets` replaces those held, if given."""
        index = self._index
        index.vocabulary.apply(self._new_words, self._counts)
        index.postings.forget(self._touched)
        index.fields.update(self._new_fields)
        if facets is None:
            for number, values in self._dropped:
                index.facets.drop(number, values)
            for number, values in self._added:
                index.facets.add(number, values)
        else:
            index.facets = facets
        for number, _ in self._dropped:
            index.forget_pieces(number)
        index.alive = self._alive
        index.rules = self._rules

    def _write_words(self, number: int, ready: Prepared, before: Iterable[int]) -> "array[int]":
        old = set(before)
        ids = {self._word(word): places for word, places in ready.words.items()}
        gone = old.difference(ids)
        self._many(
            "DELETE FROM postings WHERE word_id = ? AND number = ?",
            [(word_id, number) for word_id in gone],
        )
        self._many(
            "INSERT INTO postings VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET positions = "
            "excluded.positions",
            [(word_id, number, places) for word_id, places in sorted(ids.items())],
        )
        for word_id in gone:
            self._counts[word_id] -= 1
        for word_id in ids.keys() - old:
            self._counts[word_id] += 1
        self._touched |= gone
        self._touched.update(ids)
        return array("I", sorted(ids))

    def _word(self, word: str) -> int:
        known = self._index.vocabulary.ids.get(word) or self._new_words.get(word)
        if known is None:
            known = self._run(
                "INSERT INTO words (index_id, word, documents) VALUES (?, ?, 0) RETURNING id",
                (self._index.number, word),
            ).fetchone()[0]
            self._new_words[word] = known
        return known

    def _field(self, name: str) -> int:
        known = self._index.fields.get(name, self._new_fields.get(name))
        if known is None:
            known = len(self._index.fields) + len(self._new_fields)
            self._new_fields[name] = known
        return known

    def _words_of(self, number: int) -> "array[int]":
        row = self._run(
            "SELECT words FROM documents WHERE index_id = ? AND number = ?",
            (self._index.number, number),
        ).fetchone()
        words = array("I")
        if row is not None:
            words.frombytes(row[0])
        return words

    def _next_number(self) -> int:
        while self._alive >> self._free & 1:
            self._free += 1
        return self._free


def rewritten(connection: sqlite3.Connection, index: Index, rules: Rules) -> tuple[Change, Facets]:
    """All documents of an index written anew under other rules."""
    change = Change(connection, index, rules)
    facets = Facets()
    rows = connection.execute(
        "SELECT number, external, body FROM documents WHERE index_id = ?", (index.number,)
    ).fetchall()
    for number, external, body in rows:
        document: dict[str, Any] = json.loads(body)
        change.put(external, number, document, document)
        facets.add(number, values_of(document, rules))
    change.finish()
    return change, facets


def emptied(connection: sqlite3.Connection, number: int) -> None:
    """Take every document and word of an index out of the file."""
    connection.execute(
        "DELETE FROM postings WHERE word_id IN (SELECT id FROM words WHERE index_id = ?)", (number,)
    )
    for table in ("words", "documents", "fields"):
        connection.execute(f"DELETE FROM {table} WHERE index_id = ?", (number,))  # noqa: S608
