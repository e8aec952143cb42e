"""Which identifiers name each other, and how a record hears that a relative's has changed.

A record names others (a document its parts, a zoom its overview, a version the one before); each
of these tells the counterpart. A change leaves a mark on the row it happened to; the mark makes the
relatives due, and goes.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from portal_shared import profile as profiles
from portal_shared.citation.related import COUNTERPARTS, Related
from portal_shared.mongo import Doc, translated

from portal_doi.registry import Registry
from portal_doi.standing import OURS, is_undecided, level_of, names, visible_doi

MARKS_AT_ONCE = 200
_SEEN = {
    "level": 1, "state": 1, "doi": 1, "own_state": 1, "open": 1, "links": 1, "record.type": 1,
}  # fmt: skip


class Relations:
    def __init__(self, registry: Registry, *, quiet: float, patience: float) -> None:
        self._registry = registry
        self._rows = registry.rows
        self._quiet = timedelta(seconds=quiet)
        self.patience = timedelta(seconds=patience)

    async def related(self, row: Mapping[str, Any]) -> tuple[list[Related], bool]:
        """Those it names, in the order of the record, then those that name it; and whether some
        that it names are not decided yet."""
        pid, named = row["_id"], names(row)
        owner = row["record"].get("document")  # it will list this one
        awaited = [*named, owner] if owner else named
        found = await self._found({"_id": {"$in": awaited}}) if awaited else {}
        naming = await self._found({"names": pid})
        links = [(relation, found.get(other)) for relation, other in row["links"]]
        links += [
            (COUNTERPARTS[relation], naming[other])
            for other in sorted(naming)
            for relation, target in naming[other]["links"]
            if target == pid and relation in COUNTERPARTS
        ]
        types = profiles.load(row["record"]["profile"]).doi.resource_types
        told = [
            Related(relation, doi, types.get(level_of(other), "Other"))
            for relation, other in links
            if other and (doi := visible_doi(other)) and doi != row["own"]
        ]
        return told, any(is_undecided(found.get(other)) for other in awaited)

    async def _found(self, asked: Doc) -> dict[str, Doc]:
        with translated():
            return {row["_id"]: row async for row in self._rows.find(asked, _SEEN)}

    async def tell(self) -> bool:
        """Make relatives of what changed due; False when nothing had."""
        shown = {"tell": 1, "left": 1, "names": 1}
        with translated():
            marked = self._rows.find({"telling": True}, shown).limit(MARKS_AT_ONCE)
            rows = [row async for row in marked]
        if not rows:
            return False
        named = {pid for row in rows for pid in (*row["names"], *row["left"])}
        await self._make_due({"names": {"$in": [row["_id"] for row in rows]}})
        if named:
            await self._make_due({"_id": {"$in": sorted(named)}})
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
        recent, long = {"$gt": now - self.patience}, {"$lte": now - self.patience}
        with translated():
            await self._rows.update_many({**ours, "since": long}, more)
            await self._rows.update_many({**ours, "since": recent}, {"$set": {"due": soon}, **more})
            await self._rows.update_many(
                {**ours, "since": None},
                {"$set": {"waiting": True, "due": soon, "since": now}, **more},
            )
