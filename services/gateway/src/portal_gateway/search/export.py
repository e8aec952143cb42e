"""A search as a table, CSV or TSV, sent while it is read: nothing of it is held.

Cells that a spreadsheet would take for a formula begin with an apostrophe.
"""

import csv
import io
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson
from portal_shared.search import query_terms

from portal_gateway.errors import Refused
from portal_gateway.filters import coercion, parameters
from portal_gateway.filters.ast import Include, Row, Search
from portal_gateway.filters.schema import DATASET, DOCUMENT, ENTITIES, Entity
from portal_gateway.search.engine_facets import PARAMETER
from portal_gateway.search.pagination import Listing
from portal_gateway.search.planner import Plan, Searching

MOST_COLUMNS = 100
BETWEEN = "; "  # values of one cell
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NAMED = {"techniques": "name", "samples": "name", "instrument": "name"}
_RELATIONS = {DATASET.name: ("instrument", "techniques", "samples"), DOCUMENT.name: ("members",)}


@dataclass(frozen=True)
class Form:
    name: str
    delimiter: str
    media_type: str


FORMS = {
    "csv": Form("csv", ",", "text/csv; charset=utf-8; header=present"),
    "tsv": Form("tsv", "\t", "text/tab-separated-values; charset=utf-8"),
}


@dataclass(frozen=True)
class Column:
    head: str
    field: str = ""
    relation: str = ""
    parameter: str = ""
    unit: str | None = None


def form(name: str | None) -> Form:
    found = FORMS.get((name or "csv").lower())
    if found is None:
        raise Refused(f"The format {(name or '')[:100]!r} is not known; known are csv and tsv")
    return found


def headers(entity: Entity, of: Form) -> dict[str, str]:
    name = f"{entity.name.lower()}s.{of.name}"
    return {
        "content-type": of.media_type,
        "content-disposition": f'attachment; filename="{name}"',
        "x-content-type-options": "nosniff",
    }


def columns(entity: Entity, names: str | None) -> list[Column]:
    """What is asked for; else the record's own fields and the names of what belongs to it."""
    related = _RELATIONS.get(entity.name, ())
    listed = [n.strip() for n in names.split(",")] if names else [*entity.fields, *related]
    if len(listed) > MOST_COLUMNS:
        raise Refused(f"More than {MOST_COLUMNS} columns are asked for")
    return [_column(entity, name, related) for name in listed]


def _column(entity: Entity, name: str, related: Sequence[str]) -> Column:
    if name in entity.fields:
        return Column(name, field=name)
    if name in related:
        return Column(name, relation=name)
    found = PARAMETER.fullmatch(name) if "parameters" in entity.relations else None
    if found and found[1] in query_terms.free_text_parameters():
        raise Refused(f"{found[1]} is free text: it has no column")
    if found:
        return Column(name.removeprefix("parameter:"), parameter=found[1], unit=found[2] or None)
    known = ", ".join([*entity.fields, *related])
    raise Refused(
        f"Unknown column {name[:100]!r} of {entity.name}; known are {known}"
        + (", parameter:NAME and parameter:NAME[unit]" if "parameters" in entity.relations else "")
    )


class Exporting:
    def __init__(self, searching: Searching, listing: Listing) -> None:
        self._searching = searching
        self._listing = listing

    async def begun(self, search: Search, of: Sequence[Column], how: Form) -> AsyncIterator[bytes]:
        """The table in pieces; the first is there already, so that what fails is told."""
        pieces = self._pieces(search, of, how)
        first = await anext(pieces)
        return _joined(first, pieces)

    async def _pieces(
        self, search: Search, of: Sequence[Column], how: Form
    ) -> AsyncGenerator[bytes]:
        begun = _written([[c.head for c in of]], how)
        left, skip = search.shape.limit, search.shape.skip
        async for batch in self._batches(search, of):
            rows = batch[skip:] if left is None else batch[skip:][:left]
            skip = max(0, skip - len(batch))
            left = None if left is None else left - len(rows)
            yield begun + _written([[cell(c, row) for c in of] for row in rows], how)
            begun = b""
            if left == 0:
                return
        if begun:
            yield begun

    async def _batches(self, search: Search, of: Sequence[Column]) -> AsyncGenerator[list[Row]]:
        search = replace(search, include=(*search.include, *_includes(search.entity, of)))
        whole = replace(search.shape, only=None, without=frozenset())
        plan: Plan | None = await self._searching.plan(replace(search, shape=whole))
        if plan is not None and plan.sort is not None:
            async for batch in self._searching.selected(plan):
                yield batch
        elif plan is not None:  # an order that needs all rows at once
            every = replace(whole, skip=0, limit=None)
            page = await self._listing.page(replace(search, shape=every))
            yield [orjson.loads(item) for item in page.items]


async def _joined(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


def _includes(entity: Entity, of: Sequence[Column]) -> list[Include]:
    wanted = dict.fromkeys(c.relation or ("parameters" if c.parameter else "") for c in of)
    found = [Include(entity.relations[name]) for name in wanted if name and name != "members"]
    if "members" in wanted:
        person = Include(ENTITIES["Member"].relations["person"])
        found.append(Include(entity.relations["members"], include=(person,)))
    return found


def _written(lines: list[list[Any]], how: Form) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=how.delimiter).writerows(lines)
    return text.getvalue().encode("utf-8", "replace")


def cell(column: Column, row: Row) -> str | int | float:
    """Numbers as they are; texts without line ends, and never a formula."""
    values = _values(column, row)
    if len(values) == 1 and coercion.is_number(values[0]):
        return values[0]
    text = BETWEEN.join(_text(v) for v in values)
    text = " ".join(text.split()) if any(c in text for c in "\t\r\n") else text
    return f"'{text}" if text.startswith(_FORMULA) else text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _values(column: Column, row: Row) -> list[Any]:
    if column.field:
        value: Any = row.get(column.field)
        if value is None:
            return []
        return cast("list[Any]", value) if isinstance(value, list) else [value]
    if column.parameter:
        mine = [p for p in row.get("parameters", ()) if p["name"] == column.parameter]
        told = [parameters.told(p, column.unit) for p in mine]
        return [
            p["value"]
            if p.get("unit") == column.unit or column.unit is None
            else f"{_text(p['value'])} {p.get('unit') or ''}".strip()
            for p in told
        ]
    related: Any = row.get(column.relation) or []
    rows: list[Row] = [related] if isinstance(related, dict) else related
    if column.relation == "members":
        return [m["person"]["fullName"] for m in rows if "person" in m]
    return [r[_NAMED[column.relation]] for r in rows]
