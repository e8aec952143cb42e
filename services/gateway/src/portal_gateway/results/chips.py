"""Chips: the parts of a search in words, each of which can be left out."""

from portal_gateway.criteria.criteria import MISSING, Criteria, Range
from portal_gateway.labels.fields import FieldTable, SiteField
from portal_gateway.results.models import Chip

WORDS = "q"
NOT_RECORDED = "not recorded"


def chips(table: FieldTable, criteria: Criteria) -> list[Chip]:
    """Returns a chip for each value of each condition, in the order of the facets."""
    ranks = {name: rank for rank, name in enumerate(table.facets)}
    names = sorted(criteria.conditions, key=lambda n: (ranks.get(n, len(ranks)), n))
    return [
        _chip(table.by_name[name], value, label)
        for name in names
        for value, label in _labels(table, criteria, name)
    ]


def words_chip(criteria: Criteria) -> Chip:
    return Chip(field=WORDS, label="Words", value_label=criteria.words, parameter=WORDS,
                value=criteria.words)  # fmt: skip


def _chip(field: SiteField, value: str, label: str) -> Chip:
    return Chip(
        field=field.name, label=field.label, value_label=label, parameter=field.address, value=value
    )


def _labels(table: FieldTable, criteria: Criteria, name: str) -> list[tuple[str, str]]:
    condition, field = criteria.conditions[name], table.by_name[name]
    found = [(value, table.value_label(name, value)) for value in condition.values]
    found += [(one.text(), _range_label(field, one)) for one in condition.ranges]
    return [*found, (MISSING, NOT_RECORDED)] if condition.missing else found


def _range_label(field: SiteField, one: Range) -> str:
    unit = f" {field.public_unit}" if field.public_unit else ""
    low, high = one.end(one.low), one.end(one.high)
    if low == high:
        return f"{low}{unit}"
    if not low:
        return f"up to {high}{unit}"
    return f"{low} to {high}{unit}" if high else f"{low}{unit} and more"
