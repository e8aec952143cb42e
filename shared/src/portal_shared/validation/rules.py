"""Single rules for what a job holds: texts, iDs, paths, parameters by the profile. Pure.

Each gives the problems it finds, with what was probably meant where that can be told.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Any, cast

from portal_shared import units
from portal_shared.citation.relations import TYPES as RELATIONS
from portal_shared.citation.relations import identifier_type
from portal_shared.contracts.identifiers import is_doi
from portal_shared.contracts.jobs import ParameterIn, Problem, RelatedItemIn
from portal_shared.profile import ParameterRule, Profile

HIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
CONTROL = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")  # in names: lines too
CONTROL_CHARACTERS = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
QUANTITY = re.compile(r"\s*+([-+]?\d++(?:[.,]\d++)?)\s*+([^\d\s]*+)\s*+")
MAX_TEXT_CHARS = 20_000  # characters
MAX_QUOTED_CHARS = 80  # characters of a refused value repeated in the reason


def closest_name(text: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, whatever its case."""
    by_plain = {name.casefold(): name for name in known}
    if text.casefold() in by_plain:
        return by_plain[text.casefold()]
    found = get_close_matches(text.casefold(), by_plain, n=1, cutoff=0.6)
    return by_plain[found[0]] if found else None


def doi_problems(doi: str | None, place: str) -> list[Problem]:
    if doi is None or is_doi(doi):
        return []
    return [Problem(field=place, reason=f"{doi[:MAX_QUOTED_CHARS]!r} is no DOI")]


def related_problems(items: Sequence[RelatedItemIn], place: str) -> list[Problem]:
    """Works elsewhere: is the relation DataCite's, and is that an identifier?"""
    found: list[Problem] = []
    for n, item in enumerate(items):
        where = f"{place}.related[{n}]"
        if item.relation not in RELATIONS:
            reason = f"{item.relation[:80]!r} is no relation of DataCite 4.5"
            found.append(Problem(field=f"{where}.relation", reason=reason))
        if identifier_type(item.identifier) is None:
            reason = f"{item.identifier[:80]!r} is no DOI, address or arXiv number"
            found.append(Problem(field=f"{where}.identifier", reason=reason))
    return found


def path_problem(path: str) -> str | None:
    """Why a path may not be used below a folder; None when it may."""
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        return f"{path!r} is absolute: name it from the folder"
    if "\\" in path or CONTROL.search(path):
        return f"{path!r} holds a backslash or control character"
    parts = path.split("/")
    if ".." in parts:
        return f"{path!r} leaves its folder"
    if "" in parts or "." in parts:
        return f"{path!r} has an empty part"
    return None


def text_problems(value: Any, place: str, *, marks: bool = True) -> list[Problem]:
    """Texts that are too long, or hold characters that hide or turn others."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT_CHARS:
            reason = f"has {len(value)} characters; at most {MAX_TEXT_CHARS} are kept"
            return [Problem(field=place, reason=reason)]
        found = CONTROL_CHARACTERS.search(value) if marks else None
        if found:
            reason = f"holds the control or direction character U+{ord(found[0]):04X}"
            return [
                Problem(
                    field=place, reason=reason, suggestion=CONTROL_CHARACTERS.sub("", value)[:200]
                )
            ]
        return []
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return [
            p
            for name, inner in fields.items()
            for p in text_problems(
                inner, f"{place}.{name}"[:300], marks=marks and name != "details"
            )
        ]
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [
            p
            for n, inner in enumerate(items)
            if not isinstance(inner, int | float)
            for p in text_problems(inner, f"{place}[{n}]", marks=marks)
        ]
    return []


def parameter_problems(found: Sequence[ParameterIn], place: str, profile: Profile) -> list[Problem]:
    """Units that are known and fit, numbers where numbers belong, words of the vocabulary."""
    declared = {units.normalize(r.unit) for r in profile.parameters.values() if r.unit}
    told: list[Problem] = []
    for n, parameter in enumerate(found):
        where = f"{place}.parameters[{n}]"
        unit = parameter.unit
        known = not unit or units.normalize(unit) in declared or units.find(unit, parameter.name)
        if profile.strict and not known:
            told.append(_unknown_unit(unit or "", where, profile.parameters.get(parameter.name)))
        elif rule := profile.parameters.get(parameter.name):
            if rule.date:
                told += _no_instant(parameter, where) if profile.strict else []
            else:
                told += _by_rule(parameter, rule, where)
        elif profile.strict and (meant := closest_name(parameter.name, profile.parameters)):
            reason = f"{parameter.name!r} is no parameter of profile {profile.name}"
            told.append(Problem(field=f"{where}.name", reason=reason, suggestion=meant))
    return told


def parse_instant(value: object) -> datetime | None:
    """The moment that a text tells, with its time zone; None of anything else."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None


def _no_instant(parameter: ParameterIn, where: str) -> list[Problem]:
    value, name = parameter.value, parameter.name
    if parameter.unit:
        return [Problem(field=f"{where}.unit", reason=f"{name} is an instant: it has none")]
    if parse_instant(value):
        return []
    shown = repr(value)[:MAX_QUOTED_CHARS]
    reason = f"{name} is an instant, RFC 3339 with a time zone, not {shown}"
    plain = parse_instant(f"{value}Z") or parse_instant(f"{value}T00:00:00Z")
    meant = f"{plain.isoformat().removesuffix('+00:00')}Z if it is UTC" if plain else None
    return [Problem(field=f"{where}.value", reason=reason, suggestion=meant)]


def _unknown_unit(unit: str, where: str, rule: ParameterRule | None) -> Problem:
    return Problem(
        field=f"{where}.unit",
        reason=f"{unit[:MAX_QUOTED_CHARS]!r} is no unit that is known",
        suggestion=rule.unit if rule and rule.unit else None,
    )


def _by_rule(parameter: ParameterIn, rule: ParameterRule, where: str) -> list[Problem]:
    value, name = parameter.value, parameter.name
    if isinstance(value, str):
        if rule.unit is not None:
            reason = f"{name} is a number, not the text {value[:MAX_QUOTED_CHARS]!r}"
            return [Problem(field=f"{where}.value", reason=reason, suggestion=_number_in(value))]
        if rule.values and value not in rule.values:
            reason = f"{value[:MAX_QUOTED_CHARS]!r} is no {name} that is known"
            meant = closest_name(value, rule.values)
            return [Problem(field=f"{where}.value", reason=reason, suggestion=meant)]
        return []
    if rule.unit and not parameter.unit:
        reason = f"missing: {name} has one"
        return [Problem(field=f"{where}.unit", reason=reason, suggestion=rule.unit)]
    if rule.unit is None and rule.values:
        reason = f"{name} is one of {', '.join(rule.values)}"
        return [Problem(field=f"{where}.value", reason=reason)]
    return _in_range(float(value), parameter.unit, rule, where, name)


def _number_in(text: str) -> str | None:
    found = QUANTITY.fullmatch(text)
    if not found:
        return None
    number = found[1].replace(",", ".")
    return f"value {number}, unit {found[2]}" if found[2] else f"value {number}"


def _in_range(
    value: float, unit: str | None, rule: ParameterRule, where: str, name: str
) -> list[Problem]:
    if rule.unit:
        same = units.normalize(unit or "") == units.normalize(rule.unit)
        converted = value if same else units.convert(value, unit, rule.unit, name)
        if converted is None:
            reason = f"{unit!r} does not measure what {name} is, which is told in {rule.unit}"
            return [Problem(field=f"{where}.unit", reason=reason, suggestion=rule.unit)]
        value = converted
    low, high = rule.minimum, rule.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        shown = f"{value:g} {rule.unit or ''}".strip()
        span = f"{'…' if low is None else f'{low:g}'} to {'…' if high is None else f'{high:g}'}"
        return [Problem(field=f"{where}.value", reason=f"{shown} is not within {span}")]
    return []


def missing_parameters(found: Sequence[ParameterIn], place: str, profile: Profile) -> list[Problem]:
    there = {p.name for p in found}
    return [
        Problem(field=f"{place}.parameters", reason=f"{name} is missing: every dataset has it")
        for name, rule in profile.parameters.items()
        if rule.required and name not in there
    ]
