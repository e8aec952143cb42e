"""Rows as the filter's evaluation takes them: records with their relations beside their fields."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from portal_shared.search import index_fields

from portal_gateway.catalogue import Catalogue
from portal_gateway.engine import compiler
from portal_gateway.engine.client import Engine, Hit
from portal_gateway.engine.compiler import Filter
from portal_gateway.errors import Refused
from portal_gateway.filters.ast import Include, Row
from portal_gateway.filters.schema import COLLECTIONS, ENTITIES, Entity, Relation
from portal_gateway.filters.techniques import Names

OWN = ["json"]
MOST_RELATED = 200_000  # rows of a relation for one batch of parents
KEPT = ["json", "relations"]
TOGETHER = 200  # parents in one request
BATCH = 1000


@dataclass(frozen=True)
class Link:
    """How related records name an entity: in a field, by a form of its pid."""

    field: str
    form: Callable[[str], str]

    def named(self, hit: Hit) -> list[str]:
        found: Any = hit
        for part in self.field.split("."):
            found = found.get(part, {})
        return list(found)


_LINKS = {
    ("Document", "datasets"): Link("up", index_fields.ancestor_key),
    ("Instrument", "datasets"): Link("i.pid", index_fields.digest),
    ("Dataset", "documents"): Link("d.eq.pid", index_fields.digest),
}


def read(includes: Iterable[Include]) -> list[str]:
    """The fields of a record's row that these includes need."""
    return KEPT if any(i.relation.stored for i in includes) else OWN


def row(kept: dict[str, Any]) -> Row:
    """Of a hit, with or without its relations, or of a catalogue row."""
    own: Row = orjson.loads(kept["json"])
    return {**own, **orjson.loads(kept["relations"])} if "relations" in kept else own


class Relations:
    """Looks up what is not kept with a record, for many rows at once."""

    def __init__(self, engine: Engine, catalogue: Catalogue) -> None:
        self._engine = engine
        self._catalogue = catalogue

    async def attach(
        self, entity: Entity, rows: Sequence[Row], wanted: Sequence[Include], names: Names
    ) -> None:
        """Put the related rows that the includes need, at any depth, into the rows."""
        for relation in dict.fromkeys(i.relation for i in wanted):
            nested = [n for i in wanted if i.relation == relation for n in i.include]
            if not relation.stored:
                which = _which([i for i in wanted if i.relation == relation], names)
                await self._attach(entity, rows, relation, which, read(nested))
            if nested and rows:
                below = list(_below(rows, relation.name))
                await self.attach(ENTITIES[relation.entity], below, nested, names)

    async def _attach(
        self,
        entity: Entity,
        rows: Sequence[Row],
        relation: Relation,
        which: Filter,
        fields: list[str],
    ) -> None:
        by_pid: dict[str, list[Row]] = {}
        for one in rows:
            by_pid.setdefault(one["pid"], []).append(one)
        if relation.entity == "File":
            found = await self._catalogue.files(list(by_pid))
        else:
            found = await self._linked(entity, relation, list(by_pid), which, fields)
        made = sum(len(found.get(pid, ())) * len(ones) for pid, ones in by_pid.items())
        if made > MOST_RELATED:
            raise Refused(f"More than {MOST_RELATED} rows of {relation.name} would be told at once")
        for pid, ones in by_pid.items():
            for one in ones:
                one[relation.name] = [dict(r) for r in found.get(pid, ())]

    async def _linked(
        self,
        entity: Entity,
        relation: Relation,
        pids: Sequence[str],
        which: Filter,
        fields: list[str],
    ) -> dict[str, list[Row]]:
        link = _LINKS[entity.name, relation.name]
        index = COLLECTIONS[relation.entity]
        found: dict[str, list[Row]] = {}
        listed = [] if which.nothing else list(pids)
        for start in range(0, len(listed), TOGETHER):
            # a record related to parents of several requests comes with each of them
            forms = {link.form(pid): pid for pid in listed[start : start + TOGETHER]}
            some = f"{link.field} IN [{', '.join(forms)}]"
            narrowed = f"{some} AND {which.text}" if which.text else some
            async for hit in self._hits(index, narrowed, [*fields, link.field]):
                related = row(hit)
                for named in link.named(hit):
                    if named in forms:
                        found.setdefault(forms[named], []).append(related)
        for related in found.values():
            related.sort(key=lambda r: r["pid"])
        return found

    async def _hits(self, index: str, narrowed: str, fields: list[str]) -> AsyncGenerator[Hit]:
        body: dict[str, Any] = {
            "filter": narrowed,
            "attributesToRetrieve": fields,
            "limit": BATCH,
        }
        start = 0
        while True:
            more = {"offset": start, "sort": ["order:asc"]} if start else {}
            hits: list[Hit] = (await self._engine.search(index, {**body, **more}))["hits"]
            for hit in hits:
                yield hit
            if len(hits) < BATCH:
                return
            start += BATCH


def _which(wanted: Sequence[Include], names: Names) -> Filter:
    """Of the datasets that are related, those that an include may tell."""
    if any(i.relation.entity != "Dataset" for i in wanted):
        return compiler.ANY
    return compiler.either(compiler.compiled(compiler.below(i), names) for i in wanted)


def _below(rows: Iterable[Row], name: str) -> Iterable[Row]:
    for one in rows:
        related: Any = one.get(name)
        if isinstance(related, list):
            yield from cast("list[Row]", related)
        elif related is not None:
            yield related
