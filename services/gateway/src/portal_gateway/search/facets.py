"""Facets: the values that the rows of a search have, with the number of rows of each."""

from collections import Counter
from dataclasses import replace
from typing import Any

from portal_shared import units
from portal_shared.search import index_fields, query_terms

from portal_gateway.errors import BadRequest
from portal_gateway.filters import coercion, parameters
from portal_gateway.filters.ast import Include, PageOptions, Row, Search, conditional_includes
from portal_gateway.filters.parser import FilterParser
from portal_gateway.filters.schema import DATASET, INSTRUMENT, Entity
from portal_gateway.search import engine_facets
from portal_gateway.search.planner import Searcher

MAX_FACETS = 30


class FacetSearch:
    def __init__(self, searcher: Searcher) -> None:
        self._searcher = searcher

    async def compute_facets(self, search: Search, names: str) -> dict[str, Any]:
        """Counts values over all rows that the search selects; its paging has no effect.

        `names` are facets separated by commas. Raises BadRequest for unknown ones.
        """
        wanted = list(dict.fromkeys(n.strip() for n in names.split(",") if n.strip()))
        if len(wanted) > MAX_FACETS:
            raise BadRequest(f"At most {MAX_FACETS} facets are allowed; {len(wanted)} are given")
        counters = {name: _make_counter(search.entity, name) for name in wanted}
        search = replace(search, paging=PageOptions())
        plan = await self._searcher.make_plan(search)
        total = 0
        if plan is not None and plan.filter.exact:
            found = await engine_facets.count_facets(self._searcher, plan, wanted)
            if found is not None:
                return {"total": found.total, "facets": found.facets, "missing": found.missing}
        if plan is not None:
            total = await self._count_rows(search, list(counters.values()))
        return {
            "total": total,
            "facets": {n: c.result() for n, c in counters.items()},
            "missing": {n: total - c.rows for n, c in counters.items()},
        }

    async def _count_rows(
        self, search: Search, counters: "list[ValueCounter | ParameterCounter]"
    ) -> int:
        """Counts row by row, with all relations: includes of the filter do not limit them."""
        include = (*_relations(search), *conditional_includes(search.include))
        plan = await self._searcher.make_plan(replace(search, include=include))
        total = 0
        if plan is not None:
            async for batch in self._searcher.select(plan):
                total += len(batch)
                for row in batch:
                    for counter in counters:
                        counter.add(row)
        return total


def _relations(search: Search) -> tuple[Include, ...]:
    """Returns includes, without conditions, of the relations that have the values."""
    of_dataset = FilterParser().parse_includes(
        DATASET, ["techniques", "instrument", "samples", "parameters"], 1
    )
    if search.entity is INSTRUMENT:
        return ()
    if search.entity is DATASET:
        return of_dataset
    relations = search.entity.relations
    return (Include(relations["parameters"]), Include(relations["datasets"], include=of_dataset))


class ValueCounter:
    """Counts rows by value."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._counts: Counter[str] = Counter()
        self.rows = 0  # with any value

    def add(self, row: Row) -> None:
        values = set(self._of(row))
        self._counts.update(values)
        self.rows += bool(values)

    def _of(self, row: Row) -> list[str]:
        if self._name not in ("techniques", "instrument", "samples"):
            value: Any = row.get(self._name, ())
            return [value] if isinstance(value, str) else list(value)
        found: list[str] = []
        for dataset in _datasets(row):
            related = dataset.get(self._name, ())
            rows: list[Row] = [related] if isinstance(related, dict) else list(related)
            found += [r["name"] for r in rows]
        return found

    def result(self) -> list[dict[str, Any]]:
        return [
            {"value": value, "count": count}
            for value, count in sorted(self._counts.items(), key=lambda c: (-c[1], c[0]))
        ]


class ParameterCounter:
    """Counts text values; of numbers, computes minimum and maximum in one unit."""

    def __init__(self, name: str, unit: str | None) -> None:
        self._name = name
        self._unit = unit
        self._texts: Counter[str] = Counter()
        self._numbers: list[float] = []
        self._numeric_rows = 0
        self.rows = 0  # with any value

    def add(self, row: Row) -> None:
        rows = list(row.get("parameters", ()))
        for dataset in _datasets(row):
            rows += dataset.get("parameters", ()) if dataset is not row else ()
        mine = [p for p in rows if p["name"] == self._name]
        texts = {p["value"] for p in mine if isinstance(p["value"], str)}
        self._texts.update(t for t in texts if len(t) <= index_fields.MAX_FACET_CHARS)
        numbers = [self._number(p) for p in mine if coercion.is_number(p["value"])]
        known = [n for n in numbers if n is not None]
        self._numbers += known
        self._numeric_rows += bool(known)
        self.rows += bool(mine)

    def _number(self, parameter: Row) -> float | None:
        """Converts to the unit of the answer: the requested one, else that of the first value."""
        if self._unit is None:
            self._unit = parameter.get("unit") or ""
        if not self._unit:
            return None if parameter.get("unit") else parameter["value"]
        if units.normalize(parameter.get("unit") or "") == units.normalize(self._unit):
            return parameter["value"]
        converted = parameters.convert_row(parameter, self._unit)
        return converted["value"] if converted.get("unit") == self._unit else None

    def result(self) -> Any:
        if not self._numbers:
            return [
                {"value": value, "count": count}
                for value, count in sorted(self._texts.items(), key=lambda c: (-c[1], c[0]))
            ]
        return {
            "min": min(self._numbers),
            "max": max(self._numbers),
            "unit": self._unit or "",
            "count": self._numeric_rows,
        }


def _make_counter(entity: Entity, name: str) -> ValueCounter | ParameterCounter:
    plain = engine_facets.VALUE_FACETS[entity.name]
    if name in plain:
        return ValueCounter(name)
    found = engine_facets.PARAMETER_FACET.fullmatch(name) if entity is not INSTRUMENT else None
    if found and found[1] in query_terms.free_text_parameters():
        raise BadRequest(f"The parameter {found[1]} is free text and has no facet")
    if found and (group := query_terms.age_groups().get(found[1])):
        raise BadRequest(
            f"Facets count ages by group, so that nobody above 89 is counted alone; use"
            f" parameter:{group} instead of parameter:{found[1]}"
        )
    if found:
        return ParameterCounter(found[1], found[2] or None)
    raise BadRequest(
        f"Unknown facet {name[:100]!r} of {entity.name}; known are {', '.join(plain)}"
        + ("" if entity is INSTRUMENT else ", parameter:NAME and parameter:NAME[unit]")
    )


def _datasets(row: Row) -> list[Row]:
    """Returns the dataset itself, or the datasets of a document."""
    return row.get("datasets", [row])
