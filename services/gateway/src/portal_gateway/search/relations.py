"""Loads the relations of records that includes need, and adds them to the rows."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from portal_shared.search import index_fields

from portal_gateway.catalogue import Catalogue
from portal_gateway.engine import compiler
from portal_gateway.engine.client import Engine, Hit
from portal_gateway.engine.filter import UNKNOWN, Filter, disjunction
from portal_gateway.engine.reader import RowReader
from portal_gateway.errors import BadRequest
from portal_gateway.filters.ast import Include, Row
from portal_gateway.filters.schema import COLLECTIONS, ENTITIES, Entity, Relation
from portal_gateway.filters.techniques import Names

RECORD_ATTRIBUTES = ["json"]
MAX_RELATED_ROWS = 200_000  # of one relation, for one batch of parents
RECORD_AND_RELATIONS = ["json", "relations"]
MAX_PARENTS_PER_REQUEST = 200
BATCH_SIZE = 1000
PID_ORDER = (f"{index_fields.ORDER}:asc",)


@dataclass(frozen=True)
class Link:
    """Index field in which related records name their parents, and how it encodes a pid."""

    field: str
    encode: Callable[[str], str]

    def linked_keys(self, hit: Hit) -> list[str]:
        found: Any = hit
        for part in self.field.split("."):
            found = found.get(part, {})
        return list(found)


_LINKS = {
    ("Document", "datasets"): Link(index_fields.PARENT_DOCUMENTS, index_fields.ancestor_key),
    ("Instrument", "datasets"): Link(f"{index_fields.INSTRUMENT}.pid", index_fields.digest),
    ("Dataset", "documents"): Link(
        f"{index_fields.DATASET_FIELDS}.{index_fields.TEXT_DIGESTS}.pid", index_fields.digest
    ),
}


def stored_attributes(includes: Iterable[Include]) -> list[str]:
    """Returns the index fields that are read for these includes."""
    return RECORD_AND_RELATIONS if any(i.relation.stored for i in includes) else RECORD_ATTRIBUTES


def parse_row(stored: dict[str, Any]) -> Row:
    """Returns the row of a hit, with or without relations, or of a catalogue document."""
    own: Row = orjson.loads(stored["json"])
    return {**own, **orjson.loads(stored["relations"])} if "relations" in stored else own


class Relations:
    """Loads relations that are not stored with a record, for many rows at once."""

    def __init__(self, engine: Engine, catalogue: Catalogue) -> None:
        self._reader = RowReader(engine)
        self._catalogue = catalogue

    async def attach(
        self, entity: Entity, rows: Sequence[Row], wanted: Sequence[Include], names: Names
    ) -> None:
        """Adds the related rows that the includes need to the rows, at any depth."""
        for relation in dict.fromkeys(i.relation for i in wanted):
            nested = [n for i in wanted if i.relation == relation for n in i.include]
            if not relation.stored:
                which = _related_filter([i for i in wanted if i.relation == relation], names)
                await self._attach(entity, rows, relation, which, stored_attributes(nested))
            if nested and rows:
                below = list(_related_rows(rows, relation.name))
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
            found = await self._catalogue.load_files(list(by_pid))
        else:
            found = await self._linked(entity, relation, list(by_pid), which, fields)
        made = sum(len(found.get(pid, ())) * len(ones) for pid, ones in by_pid.items())
        if made > MAX_RELATED_ROWS:
            raise BadRequest(
                f"The answer would have more than {MAX_RELATED_ROWS} rows of {relation.name}: "
                "narrow the filter, or use limit"
            )
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
        for start in range(0, len(listed), MAX_PARENTS_PER_REQUEST):
            # a record related to parents in several requests is returned by each of them
            some = listed[start : start + MAX_PARENTS_PER_REQUEST]
            parents = {link.encode(pid): pid for pid in some}
            any_parent = f"{link.field} IN [{', '.join(parents)}]"
            narrowed = f"{any_parent} AND {which.text}" if which.text else any_parent
            async for hit in self._hits(index, narrowed, [*fields, link.field]):
                related = parse_row(hit)
                for linked in link.linked_keys(hit):
                    if linked in parents:
                        found.setdefault(parents[linked], []).append(related)
        for related in found.values():
            related.sort(key=lambda r: r["pid"])
        return found

    async def _hits(self, index: str, narrowed: str, fields: list[str]) -> AsyncGenerator[Hit]:
        query = {"filter": narrowed, "attributesToRetrieve": fields}
        async for hits in self._reader.read(index, query, PID_ORDER, size=BATCH_SIZE):
            for hit in hits:
                yield hit


def _related_filter(wanted: Sequence[Include], names: Names) -> Filter:
    """Returns the filter for related rows that some include can select."""
    if any(i.relation.entity != "Dataset" for i in wanted):
        return UNKNOWN
    return disjunction(compiler.compile_filter(compiler.dataset_search(i), names) for i in wanted)


def _related_rows(rows: Iterable[Row], name: str) -> Iterable[Row]:
    for one in rows:
        related: Any = one.get(name)
        if isinstance(related, list):
            yield from cast("list[Row]", related)
        elif related is not None:
            yield related
