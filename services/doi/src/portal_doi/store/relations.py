"""Relations between identifiers: which DOIs related records list, and their updates.

A record links to others (a document to its parts, a zoom to its overview, a version to the one
before); each of those lists the inverse relation. A change marks the row that it happened to; the
mark gives work to the relatives, and is removed in the same transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal_shared import profile as profiles
from portal_shared.citation.relations import Related, incoming_relations, related_by_doi
from portal_shared.contracts.records import DoiLevel
from portal_shared.runtime.mongo import Doc, UpdateMany, UpdateOne, WriteConflict, translate_errors

from portal_doi.domain.row import RESERVED, RegistryRow, RelativeRow
from portal_doi.domain.state import OURS, is_undecided, level_of, visible_doi
from portal_doi.store.leases import BatchCursor
from portal_doi.store.registry import Registry
from portal_doi.store.rows import RELATIVE_FIELDS, from_row, stored, stored_name

MAX_MARKS_LOADED = 1000
MAX_MARKS_PER_TRANSACTION = 200
MAX_BATCH_ATTEMPTS = 3  # of a transaction of many; then each mark has its own


@dataclass(frozen=True)
class ChangeMark:
    """A row whose relatives have to be updated, and the token of the change."""

    pid: str
    token: str
    relatives: Sequence[str]  # pids that it links to, or did


@dataclass(frozen=True)
class Relatives:
    """The relatives of some rows, as they were at one moment."""

    linked: Mapping[str, RelativeRow]  # by pid: those that the rows link to
    linking: Mapping[str, Sequence[RelativeRow]]  # those that link to a row, by its pid

    def related(self, row: RegistryRow) -> list[Related]:
        """Return the DOIs that it links to, in the record's order, then those that link to it."""
        if row.version == RESERVED:
            return []
        links = [(relation, self.linked.get(pid)) for relation, pid in row.links]
        links += [
            (relation, other)
            for other in self.linking.get(row.pid, ())
            for relation in incoming_relations(other.links, row.pid)
        ]
        types = profiles.load(row.record["profile"]).doi.resource_types
        found: list[tuple[str, str, DoiLevel]] = [
            (relation, doi, level_of(other))
            for relation, other in links
            if other and (doi := visible_doi(other))
        ]
        return related_by_doi(found, resource_types=types, own_doi=row.our_doi)

    def are_undecided(self, row: RegistryRow) -> bool:
        """True if it is not known yet whether one of the relatives has a DOI."""
        if row.version == RESERVED:
            return False
        return any(is_undecided(self.linked.get(pid)) for pid in _expected_pids(row))


class Relations:
    def __init__(self, registry: Registry, *, quiet: float, patience: float) -> None:
        self._registry = registry
        self._rows = registry.rows
        self._quiet = timedelta(seconds=quiet)
        self.patience = timedelta(seconds=patience)
        self._marks = BatchCursor(self._load_marks)

    async def load_relatives(self, rows: Sequence[RegistryRow]) -> Relatives:
        """Load the relatives of all these rows by two queries."""
        versioned = [row for row in rows if row.version != RESERVED]
        expected = sorted({pid for row in versioned for pid in _expected_pids(row)})
        linked = await self._find(stored(pid={"$in": expected})) if expected else []
        pids = {row.pid for row in rows}
        linking: dict[str, list[RelativeRow]] = {}
        query = stored(related_pids={"$in": sorted(pids)})
        for other in await self._find(query) if pids else []:
            for pid in pids.intersection(other.related_pids):
                linking.setdefault(pid, []).append(other)
        return Relatives({row.pid: row for row in linked}, linking)

    async def _find(self, query: Doc) -> list[RelativeRow]:
        with translate_errors():
            docs = self._rows.find(query, RELATIVE_FIELDS).sort("_id")
            return [from_row(RelativeRow, doc) async for doc in docs]

    async def notify_relatives(self) -> bool:
        """Give work to the relatives of changed rows; False if nothing had changed."""
        marks = await self._marks.take(MAX_MARKS_PER_TRANSACTION)
        if not marks:
            return False
        try:
            await self._notify(marks, max_attempts=MAX_BATCH_ATTEMPTS)
        except WriteConflict:
            results = [await self._notify_alone(mark) for mark in marks]
            return any(results)
        return True

    async def _load_marks(self) -> list[ChangeMark]:
        attributes = ("relatives_token", "related_pids", "former_relatives")
        token, linked, former = map(stored_name, attributes)
        with translate_errors():
            docs = self._rows.find(stored(relatives_pending=True), {token: 1, linked: 1, former: 1})
            docs = docs.limit(MAX_MARKS_LOADED)
            return [
                ChangeMark(doc["_id"], doc[token], (*doc[linked], *doc[former]))
                async for doc in docs
            ]

    async def _notify_alone(self, mark: ChangeMark) -> bool:
        """False if others write the same rows: the mark stays."""
        try:
            await self._notify([mark], max_attempts=1)
        except WriteConflict:
            return False
        return True

    async def _notify(self, marks: Sequence[ChangeMark], *, max_attempts: int) -> None:
        query = stored(related_pids={"$in": [mark.pid for mark in marks]})
        with translate_errors():
            linking = self._rows.find(query, {"_id": 1})
            relatives = {doc["_id"] async for doc in linking}
        relatives.update(pid for mark in marks for pid in mark.relatives)
        now = await self._registry.clock.now()
        done = stored(relatives_pending=False, relatives_token=None, former_relatives=[])
        removals = [
            UpdateOne(stored(pid=mark.pid, relatives_token=mark.token), {"$set": done})
            for mark in marks
        ]
        writes = [*self._requeue_updates(sorted(relatives), now), *removals]
        await self._registry.write(writes, max_attempts=max_attempts)

    def _requeue_updates(self, pids: Sequence[str], now: datetime) -> Sequence[UpdateMany]:
        """Give work after a quiet time, which more changes prolong, up to the patience."""
        if not pids:
            return []
        ours = stored(pid={"$in": pids}, our_doi={"$ne": None}, state={"$in": list(OURS)})
        soon, work = now + self._quiet, {"$inc": stored(work_revision=1)}
        recently, long_ago = {"$gt": now - self.patience}, {"$lte": now - self.patience}
        start = stored(needs_work=True, next_attempt_at=soon, waiting_since=now)
        return [
            UpdateMany({**ours, **stored(waiting_since=long_ago)}, work),
            UpdateMany(
                {**ours, **stored(waiting_since=recently)},
                {"$set": stored(next_attempt_at=soon), **work},
            ),
            UpdateMany({**ours, **stored(waiting_since=None)}, {"$set": start, **work}),
        ]


def _expected_pids(row: RegistryRow) -> tuple[str, ...]:
    """Return the pids that it links to, and that of its document, which will list it."""
    document = row.record.get("document")
    return (*row.related_pids, document) if document else row.related_pids
