"""Changes documents of an index: first in the file, then in memory."""

import json
import sqlite3
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from portal_local.search.index.attributes import IndexRules
from portal_local.search.index.documents import (
    AnalysedDocument,
    Document,
    analyse,
    facet_values,
    to_json,
)
from portal_local.search.index.facets import Facets, Values
from portal_local.search.index.index import Index


class IndexChange:
    """Documents put and removed in one transaction; `apply` then makes the same change in memory.

    Used on the writing connection inside a transaction. Nothing in memory changes before `apply`,
    which is called after the commit.
    """

    def __init__(self, connection: sqlite3.Connection, index: Index, rules: IndexRules) -> None:
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
        self._lengths: dict[int, Mapping[int, int]] = {}  # by document; empty if it is removed
        self._alive = index.alive
        self._free = 0

    def put(self, external: str, number: int | None, old: Document | None, new: Document) -> None:
        """Stores a document under its identifier; replaces the old one if there is one."""
        ready = analyse(new, self._rules, self._field)
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
                to_json(new),
                word_ids.tobytes(),
                json.dumps(ready.lengths),
            ),
        )
        if old is not None:
            self._dropped.append((number, facet_values(old, self._index.rules)))
        self._added.append((number, ready.values))
        self._lengths[number] = ready.lengths
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
        self._dropped.append((number, facet_values(json.loads(row[0]), self._index.rules)))
        self._lengths[number] = {}
        self._alive &= ~(1 << number)

    def finish(self) -> None:
        """Writes the totals of the whole change; the last step before the commit."""
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
        """Brings memory to the committed state; `facets`, if given, replaces those in memory."""
        index = self._index
        index.vocabulary.apply(self._new_words, self._counts)
        index.postings.evict(self._touched)
        index.fields.update(self._new_fields)
        if facets is None:
            for number, values in self._dropped:
                index.facets.drop(number, values)
            for number, values in self._added:
                index.facets.add(number, values)
        else:
            index.facets = facets
        for number, lengths in self._lengths.items():
            index.lengths.add(number, lengths)
        for number, _ in self._dropped:
            index.evict_members(number)
        index.alive = self._alive
        index.rules = self._rules

    def _write_words(
        self, number: int, ready: AnalysedDocument, before: Iterable[int]
    ) -> "array[int]":
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


def rewrite(
    connection: sqlite3.Connection, index: Index, rules: IndexRules
) -> tuple[IndexChange, Facets]:
    """Writes all documents of an index again by other rules."""
    change = IndexChange(connection, index, rules)
    facets = Facets()
    rows = connection.execute(
        "SELECT number, external, body FROM documents WHERE index_id = ?", (index.number,)
    ).fetchall()
    for number, external, body in rows:
        document: dict[str, Any] = json.loads(body)
        change.put(external, number, document, document)
        facets.add(number, facet_values(document, rules))
    change.finish()
    return change, facets


def delete_contents(connection: sqlite3.Connection, number: int) -> None:
    """Deletes all documents and words of an index from the file."""
    connection.execute(
        "DELETE FROM postings WHERE word_id IN (SELECT id FROM words WHERE index_id = ?)", (number,)
    )
    for table in ("words", "documents", "fields"):
        connection.execute(f"DELETE FROM {table} WHERE index_id = ?", (number,))  # noqa: S608
