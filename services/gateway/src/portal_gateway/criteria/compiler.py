"""Compiles criteria into expressions of the search engine. They select exactly the datasets.

Texts are written as digests, so that text of a request never reaches the engine.
"""

from collections.abc import Callable, Mapping
from datetime import date

from portal_shared import units
from portal_shared.search import index_fields

from portal_gateway.criteria.criteria import RELEVANCE, Condition, Criteria, Range
from portal_gateway.criteria.parser import NAME_SORT
from portal_gateway.labels.fields import FieldTable, SiteField

TOLERANCE = 1e-9  # relative, of the ends of a range
MAX_NUMBER = 1e300
_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 86_400_000_000  # microseconds
_DIGEST_FIELDS = {  # of own fields: where the digests of values are
    "instrument": f"{index_fields.INSTRUMENT}.name",
    "techniques": index_fields.TECHNIQUE_NAMES,
    "keywords": f"{index_fields.TEXT_DIGESTS}.keywords",
    "license": f"{index_fields.TEXT_DIGESTS}.license",
    "availability": f"{index_fields.TEXT_DIGESTS}.availabilityDetail",
    "person": index_fields.PERSON_IDS,
}
_NUMBER_FIELDS = {
    "size": f"{index_fields.NUMBERS}.size",
    "created": f"{index_fields.NUMBERS}.creationDate",
}


def compile_conditions(table: FieldTable, criteria: Criteria) -> dict[str, str]:
    """Returns the expression of each condition, by the name of its field."""
    return {
        name: _expression(table.by_name[name], condition)
        for name, condition in criteria.conditions.items()
    }


def join(expressions: Mapping[str, str], without: str | None = None) -> str | None:
    """Returns the expression for records that satisfy all conditions; None: all records."""
    parts = [text for name, text in expressions.items() if name != without]
    return " AND ".join(parts) if parts else None


def sort_rules(table: FieldTable, criteria: Criteria) -> list[str]:
    """Returns the sort rules of the engine; with the order of pids last."""
    key = criteria.sort
    if key == RELEVANCE:
        newest = [f"{_NUMBER_FIELDS['created']}:desc"]
        return [] if criteria.words else [*newest, f"{index_fields.ORDER}:asc"]
    direction = "desc" if key.startswith("-") else "asc"
    plain = key.removeprefix("-")
    by_name = plain == NAME_SORT
    field = index_fields.NAME_ORDER if by_name else number_field(table.by_address[plain])
    return [f"{field}:{direction}", f"{index_fields.ORDER}:asc"]


def number_field(field: SiteField) -> str:
    """Returns the index field with the numbers of a field: SI units where it has a unit."""
    if field.name in _NUMBER_FIELDS:
        return _NUMBER_FIELDS[field.name]
    unit = units.find(field.unit, field.name) if field.unit else None
    part = index_fields.dimension_key(unit) if unit else "v"
    return f"{index_fields.PARAMETERS}.{index_fields.parameter_key(field.name)}.{part}"


def missing_expression(field: SiteField) -> str:
    if field.own:
        return f'NOT {index_fields.RECORDED} = "{field.name}"'
    return f'NOT {index_fields.PARAMETER_NAMES} = "{index_fields.digest(field.name)}"'


def _expression(field: SiteField, condition: Condition) -> str:
    parts: list[str] = []
    if condition.values:
        parts.append(_values(field, condition.values))
    to_text = _day_range if field.name == "created" else _number_range
    parts += [to_text(field, one) for one in condition.ranges]
    if condition.missing:
        parts.append(missing_expression(field))
    return f"({' OR '.join(parts)})"


def _values(field: SiteField, values: tuple[str, ...]) -> str:
    if field.name == "year":
        return f"{index_fields.YEAR} IN [{_listed(values, str)}]"
    if field.name == "document":
        return f"{index_fields.PARENT_DOCUMENTS} IN [{_listed(values, index_fields.ancestor_key)}]"
    name = _DIGEST_FIELDS.get(field.name) if field.own else None
    if name is None:
        name = f"{index_fields.PARAMETERS}.{index_fields.parameter_key(field.name)}.s"
    return f"{name} IN [{_listed(values, index_fields.digest)}]"


def _listed(values: tuple[str, ...], encode: Callable[[str], str]) -> str:
    return ", ".join(f'"{encode(value)}"' for value in values)


def _number_range(field: SiteField, one: Range) -> str:
    unit = units.find(field.unit, field.name) if field.unit and not field.own else None

    def end(value: float, way: int) -> float:
        found = unit.to_si(value) if unit else value
        zero = abs(unit.offset * unit.factor) if unit else 0.0
        moved = found + way * TOLERANCE * (abs(found) + zero)
        return max(-MAX_NUMBER, min(MAX_NUMBER, moved))

    low = None if one.low is None else end(one.low, -1)
    high = None if one.high is None else end(one.high, 1)
    return _between(number_field(field), low, high)


def _day_range(field: SiteField, one: Range) -> str:
    low = None if one.low is None else _microseconds(one.low)
    high = None if one.high is None else _microseconds(one.high + 1) - 1
    return _between(number_field(field), low, high)


def _microseconds(ordinal: float) -> int:
    """Returns the instant at which a day begins."""
    return (int(ordinal) - _EPOCH) * _DAY


def _between(name: str, low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"{name} {_text(low)} TO {_text(high)}"
    if low is not None:
        return f"{name} >= {_text(low)}"
    if high is not None:
        return f"{name} <= {_text(high)}"
    return f"{name} EXISTS"


def _text(number: float) -> str:
    return repr(number).replace("e+", "e")
