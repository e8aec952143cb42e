"""The metadata of a record in the groups of the profile: labels, values, units, explanations."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import quote, urlencode

from portal_shared.contracts.records import Dataset, Document, Parameter, utc_text

from portal_gateway.criteria.criteria import number_text
from portal_gateway.labels.fields import OTHER_GROUP, FieldTable, SiteField, written_unit
from portal_gateway.records.models import FieldGroup, FieldValue

Value = str | float | int
CACHED = 16_384  # values with their labels and links
NOTHING = frozenset(("n/a", "none recorded", "not recorded"))


def groups(table: FieldTable, record: Dataset | Document) -> list[FieldGroup]:
    """Returns the groups that have a value or a field that is not recorded."""
    rows: dict[str, list[tuple[Value, str | None]]] = _own_values(record)
    for parameter in filter(_is_recorded, record.parameters):
        rows.setdefault(parameter.name, []).append((parameter.value, parameter.unit))
    known = (table.by_name.get(name) or _unknown(name) for name in rows)
    fields = [field for field in known if not field.text.hidden]
    found: list[FieldGroup] = []
    for group in table.groups:
        listed = [f for f in fields if f.group == group.name]
        listed.sort(key=lambda f: (f.order, f.name))
        values = [_value(table, f, *row) for f in listed for row in rows[f.name]]
        missing = _not_recorded(table, group.fields, rows) if isinstance(record, Dataset) else []
        if values or missing:
            found.append(
                FieldGroup(group=group.name, label=group.label, fields=values, not_recorded=missing)
            )
    return found


def parameter_groups(
    table: FieldTable, parameters: Iterable[Parameter], name: str
) -> list[FieldGroup]:
    """Returns one group of fields, of parameters from several records."""
    rows: dict[str, list[tuple[Value, str | None]]] = {}
    for one in filter(_is_recorded, parameters):
        rows.setdefault(one.name, []).append((one.value, one.unit))
    group = next(g for g in table.groups if g.name == name)
    listed = [f for f in map(table.by_name.get, rows) if f is not None and f.group == name]
    listed.sort(key=lambda f: (f.order, f.name))
    values = [_value(table, f, *row) for f in listed for row in rows[f.name]]
    missing = _not_recorded(table, group.fields, rows)
    return [FieldGroup(group=name, label=group.label, fields=values, not_recorded=missing)]


def _is_recorded(parameter: Parameter) -> bool:
    """Returns whether a value is more than a word for "not recorded"."""
    value = parameter.value
    return not isinstance(value, str) or value.strip().casefold() not in NOTHING


def _own_values(record: Dataset | Document) -> dict[str, list[tuple[Value, str | None]]]:
    """Returns the fields of the record itself, as far as a page shows them among the others."""
    found: dict[str, list[tuple[Value, str | None]]] = {}
    if isinstance(record, Dataset):
        found["created"] = [(utc_text(record.created)[:10], None)]
        found["techniques"] = [(t.name, None) for t in record.techniques]
        if record.instrument:
            found["instrument"] = [(record.instrument.name, None)]
        if record.size is not None:
            found["size"] = [(record.size, "B")]
    found["keywords"] = [(k, None) for k in record.keywords]
    if record.license:
        found["license"] = [(record.license, None)]
    return {name: values for name, values in found.items() if values}


def _not_recorded(
    table: FieldTable, names: Sequence[str], rows: dict[str, list[tuple[Value, str | None]]]
) -> list[str]:
    return [table.by_name[n].label for n in names if n in table.by_name and n not in rows]


def _unknown(name: str) -> SiteField:
    """Returns the field of a parameter that the profile does not know."""
    return SiteField(name=name, label=name, kind="text", address=name, group=OTHER_GROUP.name,
                     order=1_000_000, searchable=False)  # fmt: skip


def _value(table: FieldTable, field: SiteField, value: Value, unit: str | None) -> FieldValue:
    if field.name in table.by_name:
        return _known_value(table, field.name, value, unit)
    return _made_value(table, field, value, unit)


# Records share most of their values. A number is another one as a float: 1 and 1.0 are equal keys.
@lru_cache(maxsize=CACHED, typed=True)
def _known_value(table: FieldTable, name: str, value: Value, unit: str | None) -> FieldValue:
    return _made_value(table, table.by_name[name], value, unit)


def _made_value(table: FieldTable, field: SiteField, value: Value, unit: str | None) -> FieldValue:
    is_text = isinstance(value, str)
    shown = table.value_label(field.name, value) if is_text else number_text(value)
    return FieldValue(
        field=field.name,
        label=field.label,
        value=value,
        value_label=shown,
        unit=None if is_text else written_unit(unit),
        explanation=field.explanation,
        link=table.value_link(field.name, value) if is_text else None,
        search=_search(field, value, unit),
    )


def _search(field: SiteField, value: Value, unit: str | None) -> str | None:
    """Returns the query string of a search for this value."""
    if not field.searchable or field.kind == "text" or (field.kind == "date" and not field.own):
        return None
    if field.kind == "range" and isinstance(value, str):
        return None
    text = value if isinstance(value, str) else number_text(value)
    if unit and not isinstance(value, str) and unit != field.unit:
        text = f"{text}{unit}"
    return urlencode([(field.address, text)], quote_via=quote, safe="~")


def first_texts(parameters: Iterable[Parameter]) -> dict[str, str]:
    """Returns the first text of each parameter."""
    found: dict[str, str] = {}
    for one in parameters:
        if isinstance(one.value, str):
            found.setdefault(one.name, one.value)
    return found
