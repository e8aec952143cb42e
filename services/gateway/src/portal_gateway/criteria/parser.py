"""Parses the readable parameters of a search. Errors name the parameter and what is expected."""

import difflib
import math
import re
from collections.abc import Iterable, Sequence
from datetime import date

from portal_shared import units

from portal_gateway.criteria.criteria import (
    BETWEEN,
    DEFAULT_PER_PAGE,
    MAX_PER_PAGE,
    MISSING,
    RELEVANCE,
    Condition,
    Criteria,
    Range,
)
from portal_gateway.errors import BadRequest
from portal_gateway.labels.fields import RESERVED, FieldTable, SiteField

MAX_VALUES = 200  # in all
MAX_CHARACTERS = 300  # of a value
MAX_WORDS_CHARACTERS = 500
MAX_PAGE = 1_000_000
MAX_YEARS = 200  # of a range
NAME_SORT = "name"
_FLAGS = {"": False, "0": False, "false": False, "1": True, "true": True}
_KEY_VALUE = re.compile(r'(?<!\S)([A-Za-z_]{2,60}):("[^"]*"|\S+)')
_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)\s*(\D.{0,30})?")
_YEAR = re.compile(r"\d{4}")
_ENDS = 2
Pairs = Sequence[tuple[str, str]]


def parse(table: FieldTable, pairs: Pairs) -> Criteria:
    """Parses the pairs of a query string. Raises BadRequest with the parameter in `field`."""
    single: dict[str, str] = {}
    given: list[tuple[SiteField, str]] = []
    for name, value in pairs:
        if name in RESERVED:
            single[name] = value
        elif value:
            given.append((_field(table, name), value))
    words, keyed = _split_words(table, single.get("q", ""))
    given += keyed
    if len(given) > MAX_VALUES:
        raise BadRequest(
            f"At most {MAX_VALUES} values are allowed; {len(given)} are given", field="q"
        )
    return Criteria(
        words=words,
        exact=_flag(single.get("exact", "")),
        conditions=_conditions(table, given),
        sort=_sort(table, single.get("sort") or RELEVANCE),
        page=_count(single.get("page"), "page", 1, MAX_PAGE),
        per_page=_count(single.get("per_page"), "per_page", DEFAULT_PER_PAGE, MAX_PER_PAGE),
    )


def _field(table: FieldTable, name: str) -> SiteField:
    found = table.by_address.get(name)
    if found is not None:
        return found
    if name in table.unsearchable:
        raise BadRequest(
            f"{name[:80]} cannot be searched by value: use words in q", field=name[:80]
        )
    near = difflib.get_close_matches(name[:80], [*table.by_address, *RESERVED], n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise BadRequest(
        f"Unknown parameter {name[:80]!r}.{hint} /api/profile lists all parameters",
        field=name[:80],
    )


def _split_words(table: FieldTable, text: str) -> tuple[str, list[tuple[SiteField, str]]]:
    """Returns the words, and the conditions that are written in them as `organ:kidney`."""
    if len(text) > MAX_WORDS_CHARACTERS:
        raise BadRequest(f"q has more than {MAX_WORDS_CHARACTERS} characters", field="q")
    found: list[tuple[SiteField, str]] = []

    def taken(match: re.Match[str]) -> str:
        field = table.by_address.get(match[1].lower()) or table.by_name.get(match[1].lower())
        value = match[2].strip('"').strip()
        if field is None or not field.searchable or not value:
            return match[0]
        found.append((field, value))
        return ""

    words = _KEY_VALUE.sub(taken, text)
    return " ".join(words.split()), found


def _conditions(table: FieldTable, given: Iterable[tuple[SiteField, str]]) -> dict[str, Condition]:
    values: dict[str, list[str]] = {}
    ranges: dict[str, list[Range]] = {}
    missing: set[str] = set()
    order: dict[str, None] = {}
    for field, text in given:
        value = text.strip()
        if not value:  # an empty field of a form is no condition
            continue
        order[field.name] = None
        if len(value) > MAX_CHARACTERS:
            raise BadRequest(
                f"A value of {field.address} has more than {MAX_CHARACTERS} characters",
                field=field.address,
            )
        if value == MISSING:
            missing.add(field.name)
        elif field.kind in ("range", "date"):
            ranges.setdefault(field.name, []).append(_range(field, value))
        elif field.name == "year":
            values.setdefault(field.name, []).extend(_years(value))
        else:
            values.setdefault(field.name, []).append(resolve(table, field, value))
    return {
        name: Condition(
            values=tuple(dict.fromkeys(values.get(name, ()))),
            ranges=tuple(dict.fromkeys(ranges.get(name, ()))),
            missing=name in missing,
        )
        for name in order
    }


def resolve(table: FieldTable, field: SiteField, text: str) -> str:
    """Returns the value that a text means: itself, or the value with this label."""
    known = dict.fromkeys((*table.listed_values(field.name), *field.text.values))
    if text in known:
        return text
    folded = text.casefold()
    for value in known:
        label = table.value_text(field.name, value)
        if folded in (value.casefold(), label.label.casefold(), (label.plural or "").casefold()):
            return value
    return text


def _range(field: SiteField, text: str) -> Range:
    ends = text.split(BETWEEN)
    if len(ends) > _ENDS or not any(e.strip() for e in ends):
        raise _bad_range(field, text)
    days = field.kind == "date"
    read = _day if days else _number
    low, high = (read(field, e, text) if e.strip() else None for e in (ends[0], ends[-1]))
    if low is not None and high is not None and low > high:
        raise BadRequest(
            f"{field.address}: {text[:80]!r} begins after it ends", field=field.address
        )
    return Range(low, high, days)


def _number(field: SiteField, text: str, whole: str) -> float:
    """Returns a number in the unit of the field; it may be written with another unit."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise _bad_range(field, whole)
    number, unit = float(found[1]), (found[2] or "").strip()
    if unit:
        own, wanted = units.find(unit, field.name), units.find(field.unit or "", field.name)
        if own is None or wanted is None or own.dimension != wanted.dimension:
            expected = field.public_unit or "a number without unit"
            raise BadRequest(
                f"{field.address}: the unit {unit[:30]!r} cannot be converted to {expected}",
                field=field.address,
            )
        number = float(f"{wanted.from_si(own.to_si(number)):.12g}")
    if not math.isfinite(number):
        raise _bad_range(field, whole)
    return number


def _day(field: SiteField, text: str, whole: str) -> float:
    """Returns the ordinal of a day."""
    try:
        return float(date.fromisoformat(text.strip()).toordinal())
    except ValueError:
        raise _bad_range(field, whole) from None


def _bad_range(field: SiteField, text: str) -> BadRequest:
    kind, example = "numbers", "2..10, 2.. or ..10"
    if field.kind == "date":
        kind, example = "days", "2021-01-01..2021-12-31"
    return BadRequest(
        f"{field.address}: {text[:80]!r} is not a range of {kind}; write {example}",
        field=field.address,
    )


def _years(text: str) -> list[str]:
    ends = [end.strip() for end in text.split(BETWEEN)]
    if len(ends) > _ENDS or not all(_YEAR.fullmatch(end) and end.isascii() for end in ends):
        raise BadRequest(f"year: {text[:80]!r} is not valid; expected 2021 or 2020..2022",
                         field="year")  # fmt: skip
    first, last = int(ends[0]), int(ends[-1])
    if last < first or last - first >= MAX_YEARS:
        raise BadRequest(f"year: {text[:80]!r} is not a range of at most {MAX_YEARS} years",
                         field="year")  # fmt: skip
    return [str(year) for year in range(first, last + 1)]


def _flag(text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise BadRequest(f"exact: {text[:80]!r} is not valid; expected 1 or 0", field="exact")
    return _FLAGS[text.lower()]


def _count(text: str | None, name: str, default: int, most: int) -> int:
    if not text:
        return default
    if text.isascii() and text.isdecimal() and 1 <= int(text[:12]) <= most:
        return int(text)
    raise BadRequest(f"{name}: {text[:80]!r} is not valid; expected 1 to {most}", field=name)


def _sort(table: FieldTable, text: str) -> str:
    """Returns the order: relevance, name, or the address of numbers or dates; `-` turns it."""
    plain = text.removeprefix("-")
    if text in (RELEVANCE, NAME_SORT, f"-{NAME_SORT}") or _sortable(table, plain):
        return text
    known = [RELEVANCE, NAME_SORT, *(a for a in table.by_address if _sortable(table, a))]
    raise BadRequest(
        f"sort: {text[:80]!r} is not known; known are {', '.join(known)}, each with - in front"
        " for the other way round",
        field="sort",
    )


def _sortable(table: FieldTable, address: str) -> bool:
    field = table.by_address.get(address)
    return field is not None and field.kind in ("range", "date")
