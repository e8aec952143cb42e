"""Builds the fields of result lists: years, buckets, people and order of names."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from portal_shared import profile, units
from portal_shared.contracts.records import Dataset, Member, Parameter
from portal_shared.search import buckets, index_fields

from portal_indexer.listing.card import card
from portal_indexer.panosc_records import PanoscRecord

OWN = ("instrument", "techniques", "keywords", "license", "availability", "size")


def listing(record: Dataset, api_record: PanoscRecord, relations: PanoscRecord) -> dict[str, Any]:
    """Returns the fields below `l`, and the card."""
    people = _people(record.members)
    names = {p.name for p in record.parameters}
    has = [f for f in OWN if api_record.get(f) or relations.get(f)]
    if people:
        has.append("person")
    found = {
        index_fields.RECORDED: [*has, "year", "created", *sorted(names & facet_parameters())],
        index_fields.YEAR: [str(record.created.year)],
        index_fields.BUCKETS: _buckets(record),
        index_fields.NAME_ORDER: index_fields.name_key(record.name),
        index_fields.NAME_DIGEST: index_fields.digest(record.name),
        index_fields.PERSONS: [index_fields.person_value(i, name) for i, name in people],
        index_fields.PERSON_IDS: sorted({index_fields.digest(i) for i, _ in people}),
        index_fields.TECHNIQUE_NAMES: sorted(
            {index_fields.digest(t.name) for t in record.techniques}
        ),
    }
    below = {name.removeprefix(f"{index_fields.LISTING}."): value for name, value in found.items()}
    return {index_fields.LISTING: below, index_fields.CARD: card(record, api_record)}


@cache
def facet_parameters() -> frozenset[str]:
    """Returns the parameters that are facets of some profile."""
    found: set[str] = set()
    for name in profile.names():
        rules = profile.load(name)
        listed = {facet.removeprefix("parameter:") for facet in rules.facets.datasets}
        found |= listed.union(rules.site.facets)
    return frozenset(found)


def _buckets(record: Dataset) -> dict[str, list[str]]:
    ranges = buckets.units_of_ranges()
    found = {
        index_fields.parameter_key(name): values
        for name, unit in ranges.items()
        if (values := _bucket_values((p for p in record.parameters if p.name == name), unit))
    }
    size = buckets.bucket(record.size or 0)
    if size is not None:
        found[buckets.SIZE] = [index_fields.bucket_value(size)]
    return found


def _bucket_values(rows: Iterable[Parameter], unit: str) -> list[str]:
    numbers = (_in_unit(row, unit) for row in rows)
    indexes = {index for n in numbers if n is not None and (index := buckets.bucket(n)) is not None}
    return [index_fields.bucket_value(index) for index in sorted(indexes)]


def _in_unit(row: Parameter, name: str) -> float | None:
    """Returns the number of a parameter in a unit; None if it cannot be converted."""
    if isinstance(row.value, str):
        return None
    own, wanted = units.find(row.unit, row.name), units.find(name, row.name)
    if own is None or wanted is None:
        return float(row.value) if not row.unit and not name else None
    return wanted.from_si(own.to_si(row.value)) if own.dimension == wanted.dimension else None


def _people(members: Sequence[Member]) -> list[tuple[str, str]]:
    """Returns ORCID iD, or the given id, and name of each person, in order."""
    found: dict[str, str] = {}
    for member in members:
        person = member.person
        if person and not person.organisation:
            found.setdefault(person.orcid or person.id, person.full_name)
    return list(found.items())
