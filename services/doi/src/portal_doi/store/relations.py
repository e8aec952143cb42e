"""Which identifiers name each other, and how a record hears that a relative's has changed.

A record names others (a document its parts, a zoom its overview, a version the one before); each
of these tells the counterpart. A change leaves a mark on the row it happened to; the mark makes the
relatives due, and goes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from portal_shared import profile as profiles
from portal_shared.citation.relations import Related, incoming_relations, related_by_doi
from portal_shared.contracts.records import row_doi_level
from portal_shared.runtime.mongo import Doc, UpdateMany, UpdateOne, WriteConflict, translate_errors

from portal_doi.domain.state import OURS, is_undecided, names, visible_doi
from portal_doi.store.batch_cursor import Sighted
from portal_doi.store.registry import Registry

SIGHTED = 1000  # marks that one look finds, at most
MARKS_AT_ONCE = 200
TRIES = 3  # of a transaction of many; then each mark has its own
_SEEN = {
    "level": 1, "state": 1, "doi": 1, "own_state": 1, "open": 1, "links": 1, "names": 1,
    "record.type": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Relatives:
    """Of some rows: those they name, those that name them; as they stood at one moment."""

    named: Mapping[str, Doc]
    naming: Mapping[str, Sequence[Doc]]  # by the pid that is named

    def of(self, row: Mapping[str, Any]) -> tuple[list[Related], bool]:
        """Those it names, in the order of the record, then those that name it; and whether some
        that it names are not decided yet."""
        if not row["version"]:
            return [], False
        pid = row["_id"]
        links = [(relation, self.named.get(other)) for relation, other in row["links"]]
        links += [
            (relation, other)
            for other in self.naming.get(pid, ())
            for relation in incoming_relations(other["links"], pid)
        ]
        types = profiles.load(row["record"]["profile"]).doi.resource_types
        found = [
            (relation, doi, row_doi_level(other))
            for relation, other in links
            if other and (doi := visible_doi(other))
        ]
        related = related_by_doi(found, resource_types=types, own_doi=row["own"])
        return related, any(is_undecided(self.named.get(other)) for other in _awaited(row))


class Relations:
    def __init__(self, registry: Registry, *, quiet: float, patience: float) -> None:
        self._registry = registry
        self._rows = registry.rows
        self._quiet = timedelta(seconds=quiet)
        self.patience = timedelta(seconds=patience)
        self._marked = Sighted(self._look)

    async def relatives(self, rows: Sequence[Mapping[str, Any]]) -> Relatives:
        """Of all these rows, by two looks."""
        awaited = sorted({pid for row in rows if row["version"] for pid in _awaited(row)})
        named = await self._found({"_id": {"$in": awaited}}) if awaited else []
        asked = {row["_id"] for row in rows}
        naming: dict[str, list[Doc]] = {}
        for other in await self._found({"names": {"$in": sorted(asked)}}) if asked else []:
            for pid in asked.intersection(other["names"]):
                naming.setdefault(pid, []).append(other)
        return Relatives({row["_id"]: row for row in named}, naming)

    async def _found(self, asked: Doc) -> list[Doc]:
        with translate_errors():
            return [row async for row in self._rows.find(asked, _SEEN).sort("_id")]

    async def tell(self) -> bool:
        """Make relatives of what changed due; False when nothing had."""
        rows = await self._marked.some(MARKS_AT_ONCE)
        if not rows:
            return False
        try:
            await self._told(rows, max_tries=TRIES)
        except WriteConflict:
            done = [await self._told_alone(row) for row in rows]
            return any(done)
        return True

    async def _look(self) -> list[Doc]:
        shown = {"tell": 1, "left": 1, "names": 1}
        with translate_errors():
            return [r async for r in self._rows.find({"telling": True}, shown).limit(SIGHTED)]

    async def _told_alone(self, row: Doc) -> bool:
        """False when others are at it: the mark stays."""
        try:
            await self._told([row], max_tries=1)
        except WriteConflict:
            return False
        return True

    async def _told(self, rows: Sequence[Doc], *, max_tries: int) -> None:
        changed = [row["_id"] for row in rows]
        with translate_errors():
            naming = self._rows.find({"names": {"$in": changed}}, {"_id": 1})
            relatives = {row["_id"] async for row in naming}
        relatives.update(pid for row in rows for pid in (*row["names"], *row["left"]))
        now = await self._registry.clock.now()
        gone: Doc = {"$set": {"telling": False, "tell": None, "left": []}}
        taken_off = [UpdateOne({"_id": r["_id"], "tell": r["tell"]}, gone) for r in rows]
        writes = [*self._making_due(sorted(relatives), now), *taken_off]
        await self._registry.write(writes, max_tries=max_tries)

    def _making_due(self, relatives: Sequence[str], now: datetime) -> Sequence[UpdateMany]:
        """After a quiet time, which more news prolongs; but no longer than our patience."""
        if not relatives:
            return []
        ours: Doc = {
            "_id": {"$in": relatives},
            "own": {"$ne": None},
            "state": {"$in": list(OURS)},
        }
        soon, more = now + self._quiet, {"$inc": {"rev": 1}}
        recent, long = {"$gt": now - self.patience}, {"$lte": now - self.patience}
        return [
            UpdateMany({**ours, "since": long}, more),
            UpdateMany({**ours, "since": recent}, {"$set": {"due": soon}, **more}),
            UpdateMany(
                {**ours, "since": None},
                {"$set": {"waiting": True, "due": soon, "since": now}, **more},
            ),
        ]


def _awaited(row: Mapping[str, Any]) -> list[str]:
    """Pids of the records it names, and of its document, which will list it."""
    owner = row["record"].get("document")
    return [*names(row), owner] if owner else names(row)
