"""Rows as the filter's evaluation takes them: records with their relations beside their fields."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, cast

from portal_gateway.catalogue import Catalogue
from portal_gateway.filters.entities import ENTITIES, Entity, Relation
from portal_gateway.filters.tree import Include, Row

COLLECTIONS = {"Dataset": "datasets", "Document": "documents", "Instrument": "instruments"}
_LINKS = {  # relation of an entity: the field of the related rows that names the entity's pid
    ("Document", "datasets"): "documents",
    ("Instrument", "datasets"): "instrument",
    ("Dataset", "documents"): "datasets",
}


def row(kept: dict[str, Any]) -> Row:
    """Of a hit or a catalogue row."""
    return {**json.loads(kept["json"]), **json.loads(kept["relations"])}


class Relations:
    """Looks up what is not kept with a record, for many rows at once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def attach(self, entity: Entity, rows: Sequence[Row], wanted: Sequence[Include]) -> None:
        """Put the related rows that the includes need, at any depth, into the rows."""
        for relation in dict.fromkeys(i.relation for i in wanted):
            nested = [n for i in wanted if i.relation == relation for n in i.include]
            if not relation.stored:
                await self._attach(entity, rows, relation)
            if nested and rows:
                below = list(_below(rows, relation.name))
                await self.attach(ENTITIES[relation.entity], below, nested)

    async def _attach(self, entity: Entity, rows: Sequence[Row], relation: Relation) -> None:
        by_pid: dict[str, list[Row]] = {}
        for one in rows:
            by_pid.setdefault(one["pid"], []).append(one)
        if relation.entity == "File":
            found = await self._catalogue.files(list(by_pid))
        else:
            found = await self._linked(entity, relation, list(by_pid))
        for pid, ones in by_pid.items():
            for one in ones:
                one[relation.name] = [dict(r) for r in found.get(pid, ())]

    async def _linked(
        self, entity: Entity, relation: Relation, pids: Sequence[str]
    ) -> dict[str, list[Row]]:
        field = _LINKS[entity.name, relation.name]
        found: dict[str, list[Row]] = {}
        kept = await self._catalogue.linked(COLLECTIONS[relation.entity], field, pids)
        for one in sorted(kept, key=lambda r: r["_id"]):
            related = row(one)
            named: Any = one[field]
            for pid in cast("list[str]", named) if isinstance(named, list) else [named]:
                found.setdefault(pid, []).append(related)
        return found


def _below(rows: Iterable[Row], name: str) -> Iterable[Row]:
    for one in rows:
        related: Any = one.get(name)
        if isinstance(related, list):
            yield from cast("list[Row]", related)
        elif related is not None:
            yield related
