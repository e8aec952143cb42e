"""Which identifiers name each other, and how a record hears that a relative's has changed.

A document has as parts its datasets; a dataset is part of every document that names it. A change
leaves a mark on the row it happened to; the mark makes the relatives due, and goes.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from portal_shared.mongo import Doc, translated

from portal_doi.mapping import Related
from portal_doi.registry import Registry
from portal_doi.standing import OURS, datasets_of, is_undecided, visible_doi

MARKS_AT_ONCE = 200
_SEEN = {"level": 1, "state": 1, "doi": 1, "own_state": 1, "record.is_public": 1}


class Relations:
    def __init__(self, registry: Registry, *, quiet: float, patience: float) -> None:
        self._registry = registry
        self._rows = registry.rows
        self._quiet = timedelta(seconds=quiet)
        self.patience = timedelta(seconds=patience)

    async def related(self, row: Mapping[str, Any]) -> tuple[list[Related], bool]:
        """Those it names, in the order of the record; and whether some are not decided yet."""
        if row["level"] == "document":
            pids = datasets_of(row)
            found = await self._found({"_id": {"$in": list(pids)}})
            undecided = any(is_undecided(found.get(pid)) for pid in pids)
            dois = [visible_doi(found[pid]) for pid in pids if pid in found]
            named = [Related("HasPart", doi, "dataset") for doi in dois if doi]
        else:
            found = await self._found({"level": "document", "record.datasets": row["_id"]})
            owner = row["record"].get("document")
            undecided = owner is not None and is_undecided(found.get(owner))
            dois = [visible_doi(found[pid]) for pid in sorted(found)]
            named = [Related("IsPartOf", doi, "document") for doi in dois if doi]
        return [r for r in named if r.doi != row["own"]], undecided

    async def _found(self, asked: Doc) -> dict[str, Doc]:
        with translated():
            return {row["_id"]: row async for row in self._rows.find(asked, _SEEN)}

    async def tell(self) -> bool:
        """Make relatives of what changed due; False when nothing had."""
        shown = {"level": 1, "tell": 1, "left": 1, "record.datasets": 1}
        with translated():
            marked = self._rows.find({"telling": True}, shown).limit(MARKS_AT_ONCE)
            rows = [row async for row in marked]
        if not rows:
            return False
        datasets = [row["_id"] for row in rows if row["level"] == "dataset"]
        parts = {p for row in rows for p in (*datasets_of(row), *row["left"])}
        if datasets:
            await self._make_due({"level": "document", "record.datasets": {"$in": datasets}})
        if parts:
            await self._make_due({"level": "dataset", "_id": {"$in": sorted(parts)}})
        acted_on: Doc = {"tell": {"$in": [row["tell"] for row in rows]}}
        with translated():
            await self._rows.update_many(
                acted_on, {"$set": {"telling": False, "tell": None, "left": []}}
            )
        return True

    async def _make_due(self, relatives: Doc) -> None:
        """After a quiet time, which more news prolongs; but no longer than our patience."""
        now = await self._registry.clock.now()
        ours: Doc = {**relatives, "own": {"$ne": None}, "state": {"$in": list(OURS)}}
        soon, more = now + self._quiet, {"$inc": {"rev": 1}}
        waiting: Doc = {**ours, "waiting": True}
        recent, long = {"$gt": now - self.patience}, {"$lte": now - self.patience}
        with translated():
            await self._rows.update_many({**waiting, "since": long}, more)
            await self._rows.update_many(
                {**waiting, "since": recent}, {"$set": {"due": soon}, **more}
            )
            await self._rows.update_many(
                {**ours, "waiting": False},
                {"$set": {"waiting": True, "due": soon, "since": now}, **more},
            )
