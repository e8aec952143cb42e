"""Finds the least and the greatest number of a parameter in the shared field.

The engine knows these ends of numeric fields only. Here it counts the rows by the first digits of
their keys, one digit after the other, until so few rows are left that they can be read.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from portal_shared.search import parameter_fields
from portal_shared.search.parameter_fields import NUMBER_DIGITS

from portal_gateway.engine.client import Engine
from portal_gateway.engine.parameter_conditions import ParameterValues
from portal_gateway.engine.positions import both

DIGITS = "0123456789abcdef"
FEW_ROWS = 50  # that are read instead of counted
Query = dict[str, Any]


@dataclass(frozen=True)
class Ends:
    """The least and the greatest number, and how many rows have one."""

    lowest: float
    highest: float
    rows: int


async def number_ends(
    engine: Engine, index: str, query: Query, stored: ParameterValues, part: str
) -> Ends | None:
    """Returns the ends over the rows of a query, which has no page; None if no row has a number."""
    found = _SharedNumbers(engine, index, query, stored, part)
    (rows,) = await found.count([""])
    lowest = await found.end(min, rows)
    highest = await found.end(max, rows)
    return None if lowest is None or highest is None else Ends(lowest, highest, rows)


@dataclass(frozen=True)
class _SharedNumbers:
    engine: Engine
    index: str
    query: Query
    stored: ParameterValues
    part: str
    counted: dict[str, dict[str, int]] = field(default_factory=dict)  # both ends begin alike

    async def end(self, pick: Callable[[Iterable[str]], str], rows: int) -> float | None:
        """Returns one end (`pick` is min or max) of so many rows; None if there is no row."""
        start = ""
        while rows > FEW_ROWS and len(start) < NUMBER_DIGITS:
            if start not in self.counted:
                longer = [start + digit for digit in DIGITS]
                counts = await self.count(longer)
                self.counted[start] = {s: n for s, n in zip(longer, counts, strict=True) if n}
            found = self.counted[start]
            if not found:
                return None
            start = pick(found)
            rows = found[start]
        keys = [start] if len(start) == NUMBER_DIGITS else await self._keys(start)
        return parameter_fields.parse_sortable(pick(keys)) if keys else None

    async def count(self, starts: Iterable[str]) -> list[int]:
        """Returns how many rows have a number whose key begins with each of these digits."""
        queries = [{**self._query(start), "hitsPerPage": 0, "page": 1} for start in starts]
        answers = await self.engine.multi_search(self.index, queries)
        return [answer["totalHits"] for answer in answers]

    async def _keys(self, start: str) -> list[str]:
        path = self.stored.shared_field
        few = {**self._query(start), "limit": FEW_ROWS, "attributesToRetrieve": [path]}
        prefix = parameter_fields.shared_key(self.stored.name, self.part)
        hits: list[Any] = (await self.engine.search(self.index, few))["hits"]
        found: list[str] = []
        for hit in hits:
            value = hit
            for name in path.split("."):
                value = value.get(name, {})
            keys = cast("list[str]", value)
            found += [k.removeprefix(prefix) for k in keys if k.startswith(prefix + start)]
        return found

    def _query(self, start: str) -> Query:
        condition = self.stored.begins(self.part, start)
        return {**self.query, "filter": both(self.query.get("filter"), condition)}
