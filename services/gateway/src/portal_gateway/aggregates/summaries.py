"""Counts and sums of datasets by the engine: one query for each summary, many in one request."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from portal_shared import units
from portal_shared.search import index_fields

from portal_gateway.aggregates.models import Summary, ValueCount, VoxelRange
from portal_gateway.criteria.compiler import number_field
from portal_gateway.engine.client import Engine
from portal_gateway.labels.fields import FieldTable
from portal_gateway.labels.people import count_people
from portal_gateway.labels.titles import OVERVIEW, ZOOM
from portal_gateway.results.facets import index_field

METRES_TO_UM = 1e6
MAX_SUMMARIES = 1000  # of one list
Condition = tuple[str | None, str]  # expression of the engine, and the query string of the site


class Summaries:
    def __init__(self, engine: Engine, table: FieldTable) -> None:
        self._engine = engine
        self.table = table
        roles = table.profile.site.roles
        wanted = (roles.organ, roles.type, roles.donor, "year", "person")
        self._fields = {
            name: index_field(table.by_name[name]) for name in wanted if name in table.by_name
        }
        numbers = (roles.voxel, roles.raw_bytes, "size")
        self._numbers = {
            name: number_field(table.by_name[name]) for name in numbers if name in table.by_name
        }

    def equals(self, name: str, value: str) -> str:
        """Returns the expression for datasets with this text of a parameter."""
        key = index_fields.parameter_key(name)
        return f'{index_fields.PARAMETERS}.{key}.s = "{index_fields.digest(value)}"'

    def search(self, name: str, value: str) -> str:
        """Returns the query string of the site for a value of a field."""
        address = self.table.by_name[name].address
        return urlencode([(address, value)], quote_via=quote, safe="~")

    async def load(
        self, conditions: Sequence[Condition], more: Sequence[str] = ()
    ) -> list[tuple[Summary, Mapping[str, Any]]]:
        """Returns each summary with the engine's distributions; `more` fields are counted, too."""
        facets = [*self._fields.values(), *self._numbers.values(), *more]
        queries = [
            {"hitsPerPage": 0, "page": 1, "facets": facets}
            | ({"filter": expression} if expression else {})
            for expression, _ in conditions[:MAX_SUMMARIES]
        ]
        if not queries:
            return []
        answers = await self._engine.multi_search(index_fields.DATASETS, queries)
        return [
            (self._summary(answer, search), answer["facetDistribution"])
            for answer, (_, search) in zip(answers, conditions, strict=False)
        ]

    async def values(self, name: str) -> dict[str, int]:
        """Returns the values of a choice that public datasets have, with their number."""
        field = index_field(self.table.by_name[name])
        query = {"hitsPerPage": 0, "page": 1, "facets": [field]}
        answer = await self._engine.search(index_fields.DATASETS, query)
        return parsed(answer["facetDistribution"].get(field, {}))

    def value_counts(self, name: str, distribution: Mapping[str, int]) -> list[ValueCount]:
        counted = distribution if name == "year" else parsed(distribution)
        ordered = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
        return [
            ValueCount(
                value=value,
                label=self.table.value_label(name, value),
                count=count,
                search=self.search(name, value),
            )
            for value, count in ordered
        ]

    def _summary(self, answer: Mapping[str, Any], search: str) -> Summary:
        roles = self.table.profile.site.roles
        counts: Mapping[str, Mapping[str, int]] = answer["facetDistribution"]

        def of(name: str | None) -> Mapping[str, int]:
            return counts.get(self._fields.get(name or "", ""), {})

        types = parsed(of(roles.type))
        return Summary(
            datasets=answer["totalHits"],
            overviews=types.get(OVERVIEW, 0),
            zooms=types.get(ZOOM, 0),
            donors=len(of(roles.donor)),
            organs=len(of(roles.organ)),
            people=len(count_people(of("person"))),
            bytes=self._sum(counts, "size"),
            full_bytes=round(self._from_si(roles.raw_bytes, self._sum(counts, roles.raw_bytes))),
            voxels=self._voxels(answer),
            search=search,
            by_organ=self.value_counts(roles.organ, of(roles.organ)) if roles.organ else [],
            by_year=self.value_counts("year", of("year")),
        )

    def _sum(self, counts: Mapping[str, Mapping[str, int]], name: str | None) -> int:
        numbers = counts.get(self._numbers.get(name or "", ""), {})
        return round(sum(float(number) * count for number, count in numbers.items()))

    def _from_si(self, name: str | None, number: float) -> float:
        """Returns a number of the index, in SI units, in the unit of its field."""
        field = self.table.by_name.get(name or "")
        unit = units.find(field.unit, field.name) if field and field.unit else None
        return unit.from_si(number) if unit else number

    def _voxels(self, answer: Mapping[str, Any]) -> VoxelRange | None:
        field = self._numbers.get(self.table.profile.site.roles.voxel or "", "")
        stats: Mapping[str, Mapping[str, float]] = answer.get("facetStats") or {}
        ends = stats.get(field)
        if ends is None:
            return None
        low, high = (float(f"{ends[end] * METRES_TO_UM:.10g}") for end in ("min", "max"))
        return VoxelRange(min_um=low, max_um=high)


def parsed(distribution: Mapping[str, int]) -> dict[str, int]:
    """Returns the counts by value as recorded."""
    found = ((index_fields.parse_facet_value(v), n) for v, n in distribution.items())
    return {value: n for value, n in found if value is not None}
