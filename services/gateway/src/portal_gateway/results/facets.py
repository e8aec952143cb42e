"""Facets of a page of results, from the distributions that the engine counts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from portal_shared.search import buckets, index_fields

from portal_gateway.criteria.criteria import MISSING, Condition
from portal_gateway.labels.fields import FieldTable, SiteField
from portal_gateway.labels.people import count_people
from portal_gateway.results.models import (
    Bucket,
    FacetValue,
    FacetView,
    MissingCount,
    SelectedRange,
)

MAX_VALUES = 200  # of a facet; selected ones are always listed
MAX_BUCKETS = 40
CACHED = 16_384  # values and buckets in the cache, with their counts
_OWN = {
    "year": index_fields.YEAR,
    "person": index_fields.PERSONS,
    "availability": f"{index_fields.FACETS}.availabilityDetail",
}
Distribution = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Counts:
    """The number of records of a search, and how many have each value, by index field."""

    total: int = 0
    values: Distribution = field(default_factory=dict[str, dict[str, int]])

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "Counts":
        return cls(answer["totalHits"], answer.get("facetDistribution") or {})


def index_field(one: SiteField) -> str:
    """Returns the index field whose values are counted for a facet."""
    if one.kind == "range":
        name = buckets.SIZE if one.own else index_fields.parameter_key(one.name)
        return f"{index_fields.BUCKETS}.{name}"
    if one.own:
        return _OWN.get(one.name, f"{index_fields.FACETS}.{one.name}")
    return f"{index_fields.FACETS}.parameter.{index_fields.parameter_key(one.name)}"


def facet_view(
    table: FieldTable, name: str, condition: Condition | None, counts: Counts, everything: Counts
) -> FacetView | None:
    """Returns the facet; None if no public dataset has the field.

    `counts` is of the search without the condition on this field, `everything` of all datasets;
    this may be some seconds older.
    """
    one = table.by_name[name]
    recorded = counts.values.get(index_fields.RECORDED, {}).get(name, 0)
    ever = everything.values.get(index_fields.RECORDED, {}).get(name, 0)
    if not (recorded or ever) and condition is None:
        return None
    chosen = condition or Condition()
    missing = MissingCount(
        value=MISSING, count=max(0, counts.total - recorded), selected=chosen.missing
    )
    found = FacetView(field=name, parameter=one.address, label=one.label, kind=one.kind,
                      unit=one.public_unit, missing=missing)  # fmt: skip
    own, frame = (
        counts.values.get(index_field(one), {}),
        everything.values.get(index_field(one), {}),
    )
    if one.kind == "range":
        return _with_buckets(found, chosen, own, frame)
    return _with_values(table, found, chosen, own, frame)


def _with_values(
    table: FieldTable,
    found: FacetView,
    chosen: Condition,
    own: Mapping[str, int],
    frame: Mapping[str, int],
) -> FacetView:
    counted = dict.fromkeys((*_plain(found.field, frame), *chosen.values), 0)
    counted.update(_plain(found.field, own))
    ranks = {v: n for n, v in enumerate(table.listed_values(found.field))}
    in_order = table.by_name[found.field].text.listed_order

    def rank(value: str) -> tuple[Any, ...]:
        if found.field == "year":
            return (-int(value) if value.isdecimal() else 0, value)
        if in_order:
            return (ranks.get(value, len(ranks)), value)
        return (-counted[value], value)

    listed = sorted(counted, key=rank)
    shown = [v for n, v in enumerate(listed) if n < MAX_VALUES or v in chosen.values]
    values = [
        _value(table, found.field, value, counted[value], value in chosen.values) for value in shown
    ]
    if found.field == "person":
        names = _person_names(own, frame)
        values = [v.model_copy(update={"label": names.get(v.value, v.value)}) for v in values]
    return found.model_copy(update={"values": values, "more_values": len(listed) - len(shown)})


# Most values of a page have the count that they had in another: they are made once.
@lru_cache(maxsize=CACHED)
def _value(table: FieldTable, name: str, value: str, count: int, selected: bool) -> FacetValue:  # noqa: FBT001  # keys of a cache
    return FacetValue(
        value=value,
        label=table.value_label(name, value),
        count=count,
        selected=selected,
        link=table.value_link(name, value),
    )


def _person_names(*distributions: Mapping[str, int]) -> dict[str, str]:
    """Returns the most frequent name of each person by identifier; that of the last counts."""
    return {
        identifier: person.names[0]
        for distribution in distributions
        for identifier, person in count_people(distribution).items()
    }


def _plain(name: str, distribution: Mapping[str, int]) -> dict[str, int]:
    """Returns the counts by the value as recorded; values too long to be stored are left out."""
    if name == "year":
        return dict(distribution)
    if name == "person":
        return {person.identifier: person.count for person in count_people(distribution).values()}
    parsed = ((_recorded(v), n) for v, n in distribution.items())
    return {value: n for value, n in parsed if value is not None}


_recorded = lru_cache(maxsize=CACHED)(index_fields.parse_facet_value)


def _with_buckets(
    found: FacetView, chosen: Condition, own: Mapping[str, int], frame: Mapping[str, int]
) -> FacetView:
    selected = [SelectedRange(low=r.low, high=r.high) for r in chosen.ranges]
    numbers = {index_fields.parse_bucket_value(v): n for v, n in own.items()}
    known = {*numbers, *map(index_fields.parse_bucket_value, frame)}
    if not known:
        return found.model_copy(update={"selected": selected})
    listed = _merged(numbers, known)
    ends = {"min": listed[0].start, "max": listed[-1].end}
    return found.model_copy(update={"buckets": listed, "selected": selected, **ends})


def _merged(counted: Mapping[int, int], known: Iterable[int]) -> list[Bucket]:
    """Returns all buckets from the lowest to the highest, joined until they are few enough."""
    lowest, highest = min(known), max(known)
    step = next(
        s for s in (1, 2, 4, 5, 10, 20, 100, 10_000) if (highest - lowest) / s < MAX_BUCKETS
    )
    first = lowest // step * step
    counts = dict.fromkeys(range(first, highest + 1, step), 0)
    for one, count in counted.items():
        counts[one // step * step] += count
    return [_bucket(at, step, count) for at, count in counts.items()]


@lru_cache(maxsize=CACHED)
def _bucket(at: int, step: int, count: int) -> Bucket:
    return Bucket(start=buckets.start(at), end=buckets.start(at + step), count=count)
