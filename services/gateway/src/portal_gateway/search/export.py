"""Exports a search as a CSV or TSV table, which is sent while it is read.

A cell that a spreadsheet would take for a formula gets an apostrophe in front, in the header too. A
spreadsheet with another separator sees further cells inside of a cell: each of them, too.
"""

import csv
import io
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson
from portal_shared.search import query_terms

from portal_gateway.errors import BadRequest
from portal_gateway.filters import coercion, parameters
from portal_gateway.filters.ast import Include, Row, Search
from portal_gateway.filters.schema import DATASET, DOCUMENT, ENTITIES, Entity
from portal_gateway.search.engine_facets import PARAMETER_FACET
from portal_gateway.search.pagination import Paginator
from portal_gateway.search.planner import Plan, Searcher

MAX_COLUMNS = 100
VALUE_SEPARATOR = "; "  # in a cell with several values
# A formula begins at the start of a cell, or after what another spreadsheet takes for a separator;
# blanks and quotation marks before it do not count. Full-width signs count as signs.
_SIGN = r"([\s\"]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])"
_FORMULA, _FIRST_FORMULA = re.compile(rf"(?:^|(?<=[;,|\t])){_SIGN}"), re.compile(rf"^{_SIGN}")
_BREAKS = re.compile(r"[\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")
_NAME_FIELDS = {"techniques": "name", "samples": "name", "instrument": "name"}
_RELATIONS = {DATASET.name: ("instrument", "techniques", "samples"), DOCUMENT.name: ("members",)}


@dataclass(frozen=True)
class TableFormat:
    name: str
    delimiter: str
    media_type: str


FORMATS = {
    "csv": TableFormat("csv", ",", "text/csv; charset=utf-8; header=present"),
    "tsv": TableFormat("tsv", "\t", "text/tab-separated-values; charset=utf-8"),
}


@dataclass(frozen=True)
class Column:
    header: str
    field: str = ""
    relation: str = ""
    parameter: str = ""
    unit: str | None = None


def find_format(name: str | None) -> TableFormat:
    """Returns the table format of this name. Raises BadRequest."""
    found = FORMATS.get((name or "csv").lower())
    if found is None:
        raise BadRequest(f"Unknown format {(name or '')[:100]!r}; known are csv and tsv")
    return found


def headers(entity: Entity, table_format: TableFormat) -> dict[str, str]:
    """Returns the HTTP headers of an export."""
    name = f"{entity.name.lower()}s.{table_format.name}"
    return {
        "content-type": table_format.media_type,
        "content-disposition": f'attachment; filename="{name}"',
        "x-content-type-options": "nosniff",
    }


def parse_columns(entity: Entity, names: str | None) -> list[Column]:
    """Parses the requested columns; by default the record's fields and names of its relations."""
    related = _RELATIONS.get(entity.name, ())
    listed = [n.strip() for n in names.split(",")] if names else [*entity.fields, *related]
    if len(listed) > MAX_COLUMNS:
        raise BadRequest(f"At most {MAX_COLUMNS} columns are allowed; {len(listed)} are given")
    return [_parse_column(entity, name, related) for name in listed]


def _parse_column(entity: Entity, name: str, related: Sequence[str]) -> Column:
    if name in entity.fields:
        return Column(name, field=name)
    if name in related:
        return Column(name, relation=name)
    found = PARAMETER_FACET.fullmatch(name) if "parameters" in entity.relations else None
    if found and found[1] in query_terms.free_text_parameters():
        raise BadRequest(f"The parameter {found[1]} is free text and has no column")
    if found:
        return Column(name.removeprefix("parameter:"), parameter=found[1], unit=found[2] or None)
    known = ", ".join([*entity.fields, *related])
    raise BadRequest(
        f"Unknown column {name[:100]!r} of {entity.name}; known are {known}"
        + (", parameter:NAME and parameter:NAME[unit]" if "parameters" in entity.relations else "")
    )


class Exporter:
    def __init__(self, searcher: Searcher, paginator: Paginator) -> None:
        self._searcher = searcher
        self._paginator = paginator

    async def start(
        self, search: Search, columns: Sequence[Column], table_format: TableFormat
    ) -> AsyncIterator[bytes]:
        """Loads the first part, so that errors are raised before the response starts."""
        parts = self._read_parts(search, columns, table_format)
        first = await anext(parts)
        return _chain(first, parts)

    async def _read_parts(
        self, search: Search, columns: Sequence[Column], table_format: TableFormat
    ) -> AsyncGenerator[bytes]:
        head = encode([header(columns)], table_format)
        remaining, skip = search.paging.limit, search.paging.skip
        async for batch in self._read_batches(search, columns):
            rows = batch[skip:] if remaining is None else batch[skip:][:remaining]
            skip = max(0, skip - len(batch))
            remaining = None if remaining is None else remaining - len(rows)
            yield head + encode([[cell(c, row) for c in columns] for row in rows], table_format)
            head = b""
            if remaining == 0:
                return
        if head:
            yield head

    async def _read_batches(
        self, search: Search, columns: Sequence[Column]
    ) -> AsyncGenerator[list[Row]]:
        search = replace(search, include=(*search.include, *_includes(search.entity, columns)))
        whole = replace(search.paging, included_fields=None, excluded_fields=frozenset())
        plan: Plan | None = await self._searcher.make_plan(replace(search, paging=whole))
        if plan is not None and plan.sort is not None:
            async for batch in self._searcher.select(plan):
                yield batch
        elif plan is not None:  # the engine cannot sort: all rows are needed at once
            every = replace(whole, skip=0, limit=None)
            page = await self._paginator.load_page(replace(search, paging=every))
            yield [orjson.loads(row) for row in page.rows]


async def _chain(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for part in rest:
        yield part


def _includes(entity: Entity, columns: Sequence[Column]) -> list[Include]:
    """Returns the includes that load the relations of the columns."""
    wanted = dict.fromkeys(c.relation or ("parameters" if c.parameter else "") for c in columns)
    found = [Include(entity.relations[name]) for name in wanted if name and name != "members"]
    if "members" in wanted:
        person = Include(ENTITIES["Member"].relations["person"])
        found.append(Include(entity.relations["members"], include=(person,)))
    return found


def header(columns: Sequence[Column]) -> list[str]:
    """Returns the cells of the first line."""
    return [neutral(column.header) for column in columns]


def encode(lines: list[list[Any]], table_format: TableFormat) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=table_format.delimiter).writerows(lines)
    return text.getvalue().encode("utf-8", "replace")


def cell(column: Column, row: Row) -> str | int | float:
    """Returns a number unchanged, or a text without line breaks that is not a formula."""
    values = _values(column, row)
    if len(values) == 1 and coercion.is_number(values[0]):
        return values[0]
    parts = (neutral(v) if isinstance(v, str) else json.dumps(v) for v in values)
    return _FIRST_FORMULA.sub(r"\1'", VALUE_SEPARATOR.join(parts))


def neutral(text: str) -> str:
    """Returns a text without line breaks, with an apostrophe before what could be a formula."""
    text = " ".join(text.split()) if _BREAKS.search(text) else text
    return _FORMULA.sub(r"\1'", text)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _values(column: Column, row: Row) -> list[Any]:
    if column.field:
        value: Any = row.get(column.field)
        if value is None:
            return []
        return cast("list[Any]", value) if isinstance(value, list) else [value]
    if column.parameter:
        own = [p for p in row.get("parameters", ()) if p["name"] == column.parameter]
        converted = [parameters.convert_row(p, column.unit) for p in own]
        return [
            p["value"]
            if p.get("unit") == column.unit or column.unit is None
            else f"{_text(p['value'])} {p.get('unit') or ''}".strip()
            for p in converted
        ]
    related: Any = row.get(column.relation) or []
    rows: list[Row] = [related] if isinstance(related, dict) else related
    if column.relation == "members":
        return [m["person"]["fullName"] for m in rows if "person" in m]
    return [r[_NAME_FIELDS[column.relation]] for r in rows]
