"""Facets: what values the rows of a search have, and how many rows each."""

from collections import Counter
from dataclasses import replace
from typing import Any

from portal_shared import units
from portal_shared.search import index_fields, query_terms

from portal_gateway.errors import Refused
from portal_gateway.filters import coercion, parameters
from portal_gateway.filters.ast import Include, Row, Search, Shape, deciding
from portal_gateway.filters.parser import Reader
from portal_gateway.filters.schema import DATASET, INSTRUMENT, Entity
from portal_gateway.search import engine_facets
from portal_gateway.search.planner import Searching

MOST = 30


class Faceting:
    def __init__(self, searching: Searching) -> None:
        self._searching = searching

    async def told(self, search: Search, names: str) -> dict[str, Any]:
        """Over all rows that the search selects, whatever its paging."""
        wanted = list(dict.fromkeys(n.strip() for n in names.split(",") if n.strip()))
        if len(wanted) > MOST:
            raise Refused(f"More than {MOST} facets are asked for")
        counters = {name: _facet(search.entity, name) for name in wanted}
        search = replace(search, shape=Shape())
        plan = await self._searching.plan(search)
        total = 0
        if plan is not None and plan.filter.exact:
            found = await engine_facets.counted(self._searching, plan, wanted)
            if found is not None:
                return {"total": found.total, "facets": found.told, "missing": found.missing}
        if plan is not None:
            total = await self._looked_at(search, list(counters.values()))
        return {
            "total": total,
            "facets": {n: c.told() for n, c in counters.items()},
            "missing": {n: total - c.rows for n, c in counters.items()},
        }

    async def _looked_at(self, search: Search, counters: "list[Values | Parameters]") -> int:
        """Every row that is selected, one by one: with all its relations, also what the filter's
        own includes would cut.
        """
        include = (*_relations(search), *deciding(search.include))
        plan = await self._searching.plan(replace(search, include=include))
        total = 0
        if plan is not None:
            async for batch in self._searching.selected(plan):
                total += len(batch)
                for row in batch:
                    for counter in counters:
                        counter.add(row)
        return total


def _relations(search: Search) -> tuple[Include, ...]:
    """Without conditions: what the values are read from."""
    below = Reader().includes(DATASET, ["techniques", "instrument", "samples", "parameters"], 1)
    if search.entity is INSTRUMENT:
        return ()
    if search.entity is DATASET:
        return below
    relations = search.entity.relations
    return (Include(relations["parameters"]), Include(relations["datasets"], include=below))


class Values:
    """Counts rows by value."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._counts: Counter[str] = Counter()
        self.rows = 0  # that have any value

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

    def told(self) -> list[dict[str, Any]]:
        return [
            {"value": value, "count": count}
            for value, count in sorted(self._counts.items(), key=lambda c: (-c[1], c[0]))
        ]


class Parameters:
    """Counts texts; of numbers the least and the greatest, in one unit."""

    def __init__(self, name: str, unit: str | None) -> None:
        self._name = name
        self._unit = unit
        self._texts: Counter[str] = Counter()
        self._numbers: list[float] = []
        self._numeric_rows = 0
        self.rows = 0  # that have any value

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
        """In the unit of the answer: the one asked for, else the first one seen."""
        if self._unit is None:
            self._unit = parameter.get("unit") or ""
        if not self._unit:
            return None if parameter.get("unit") else parameter["value"]
        if units.normalize(parameter.get("unit") or "") == units.normalize(self._unit):
            return parameter["value"]
        told = parameters.told(parameter, self._unit)
        return told["value"] if told.get("unit") == self._unit else None

    def told(self) -> Any:
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


def _facet(entity: Entity, name: str) -> Values | Parameters:
    plain = engine_facets.PLAIN[entity.name]
    if name in plain:
        return Values(name)
    found = engine_facets.PARAMETER.fullmatch(name) if entity is not INSTRUMENT else None
    if found and found[1] in query_terms.free_text_parameters():
        raise Refused(f"{found[1]} is free text: it has no facet")
    if found:
        return Parameters(found[1], found[2] or None)
    raise Refused(
        f"Unknown facet {name[:100]!r} of {entity.name}; known are {', '.join(plain)}"
        + ("" if entity is INSTRUMENT else ", parameter:NAME and parameter:NAME[unit]")
    )


def _datasets(row: Row) -> list[Row]:
    """The dataset itself, or those of a document."""
    return row.get("datasets", [row])
