"""Rules for single values of a job: texts, identifiers, paths and parameters.

Each rule returns the problems it finds, with a suggestion where one can be guessed.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any, cast

from portal_shared import units
from portal_shared.contracts.jobs import ParameterIn, Problem
from portal_shared.contracts.moments import (
    describe_moment,
    parse_moment,
    suggest_moment,
    within,
)
from portal_shared.profile import DateRange, ParameterRule, Profile

HIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
CONTROL = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")  # in names, line breaks too
CONTROL_CHARACTERS = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_JOINED = "\u0590-\u1fff\u2190-\u2bff\u2e80-\U0010ffff"  # scripts and emoji that need joiners
INVISIBLE = re.compile(  # characters of no width: copied along unseen, they make names differ
    "[\u00ad\u180e\u2060-\u2064\ufeff\ufff9-\ufffb]"
    f"|(?<![{_JOINED}])[\u200b-\u200d]|[\u200b-\u200d](?![{_JOINED}])"
)
SPREADSHEET_ERROR = re.compile(  # of Excel in several languages, and of LibreOffice
    r"#(?:REF|VALUE|DIV/0|NAME|NUM|NULL|SPILL|CALC|FIELD|BLOCKED|CONNECT|UNKNOWN|BUSY|GETTING_DATA"
    r"|BEZUG|WERT|ZAHL|VALEUR|NOM|NOMBRE|VALOR|VALORE|RIF)[!?]?|#N/?[AVD]|#{3,}|Err:\d{3}",
    re.IGNORECASE,
)
QUANTITY = re.compile(r"\s*+([-+]?\d++(?:[.,]\d++)?)\s*+([^\d\s]*+)\s*+")
THOUSANDS = re.compile(r"[-+]?\d{1,3},\d{3}")  # or a decimal comma
MAX_TEXT_CHARS = 20_000
MAX_QUOTED_CHARS = 80  # of a refused value, quoted in the reason


def closest_name(text: str, known: Iterable[str]) -> str | None:
    """Returns the known name that is most similar, ignoring case; None if none is similar."""
    by_plain = {name.casefold(): name for name in known}
    given = text.casefold()
    if given in by_plain:
        return by_plain[given]
    if len(given) > 3 * max(map(len, by_plain), default=0):  # the likeness is at most one half
        return None
    found = get_close_matches(given, by_plain, n=1, cutoff=0.6)
    return by_plain[found[0]] if found else None


def path_problem(path: str) -> str | None:
    """Returns why a path must not be used below a folder; None if it may."""
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        return f"{path!r} is an absolute path; give it relative to the folder"
    if "\\" in path or CONTROL.search(path):
        return f"{path!r} contains a backslash or a control character"
    parts = path.split("/")
    if ".." in parts:
        return f"{path!r} leaves its folder: '..' is not allowed"
    if "" in parts or "." in parts:
        return f"{path!r} has an empty part or '.'"
    return None


def text_problems(value: Any, place: str, *, marks: bool = True) -> list[Problem]:
    """Finds texts that are too long or contain control or direction characters."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT_CHARS:
            reason = f"has {len(value)} characters; the maximum is {MAX_TEXT_CHARS}"
            return [Problem(field=place, reason=reason)]
        return _mark_problems(value, place) if marks else []
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


def _mark_problems(value: str, place: str) -> list[Problem]:
    """Finds a character that readers do not see, and an error of a spreadsheet."""
    plain = INVISIBLE.sub("", CONTROL_CHARACTERS.sub("", value))[:200]
    if found := CONTROL_CHARACTERS.search(value):
        reason = f"contains the control or direction character U+{ord(found[0]):04X}"
        return [Problem(field=place, reason=reason, suggestion=plain)]
    if found := INVISIBLE.search(value):
        reason = f"contains the invisible character U+{ord(found[0]):04X}"
        return [Problem(field=place, reason=reason, suggestion=plain)]
    if SPREADSHEET_ERROR.fullmatch(value.strip()):
        reason = f"{value.strip()!r} is an error of a spreadsheet: give the value itself"
        return [Problem(field=place, reason=reason)]
    return []


def parameter_problems(found: Sequence[ParameterIn], place: str, profile: Profile) -> list[Problem]:
    """Checks names, units, ranges and vocabularies of parameters by the rules of the profile."""
    declared = {units.normalize(r.unit) for r in profile.parameters.values() if r.unit}
    problems: list[Problem] = []
    for n, parameter in enumerate(found):
        where = f"{place}.parameters[{n}]"
        unit = parameter.unit
        known = not unit or units.normalize(unit) in declared or units.find(unit, parameter.name)
        if profile.strict and not known:
            problems.append(
                _unit_problem(unit or "", where, profile.parameters.get(parameter.name))
            )
        elif rule := profile.parameters.get(parameter.name):
            if rule.date:
                problems += _instant_problems(parameter, where, profile) if profile.strict else []
            else:
                problems += _value_problems(parameter, rule, where)
        elif profile.strict and (suggestion := closest_name(parameter.name, profile.parameters)):
            reason = f"{parameter.name!r} is not a parameter of profile {profile.name}"
            problems.append(Problem(field=f"{where}.name", reason=reason, suggestion=suggestion))
    return problems


def implausible(moment: datetime, name: str, profile: Profile) -> str | None:
    """Returns why a date of this field is not plausible by the profile; None if it is."""
    limits = profile.dates.get(name, DateRange())
    latest = (datetime.now(UTC) + timedelta(days=limits.days_ahead)).date()
    if within(moment, limits.earliest, latest):
        return None
    return (
        f"{moment.isoformat()} is not plausible: profile {profile.name} allows {limits.earliest}"
        f" to {latest}"
    )


def _instant_problems(parameter: ParameterIn, where: str, profile: Profile) -> list[Problem]:
    value, name = parameter.value, parameter.name
    if parameter.unit:
        return [Problem(field=f"{where}.unit", reason=f"{name} is a date and time; it has no unit")]
    found = parse_moment(value)
    if found:
        reason = implausible(found, "parameters", profile)
        return [Problem(field=f"{where}.value", reason=f"{name}: {reason}")] if reason else []
    reason = f"{name}: {describe_moment(value)}"
    suggestion = plausible_suggestion(value, "parameters", profile)
    return [Problem(field=f"{where}.value", reason=reason, suggestion=suggestion)]


def plausible_suggestion(value: object, name: str, profile: Profile) -> str | None:
    """Returns the date that another spelling means, if it would be accepted for this field."""
    text = suggest_moment(value)
    moment = parse_moment(text)
    return None if moment is None or implausible(moment, name, profile) else text


def _unit_problem(unit: str, where: str, rule: ParameterRule | None) -> Problem:
    reason = f"{unit[:MAX_QUOTED_CHARS]!r} is not a known unit"
    if rule and rule.unit == "":
        reason = f"{reason}; a number without unit is expected: leave 'unit' out"
    return Problem(
        field=f"{where}.unit",
        reason=reason,
        suggestion=rule.unit if rule and rule.unit else None,
    )


def _value_problems(parameter: ParameterIn, rule: ParameterRule, where: str) -> list[Problem]:
    value, name = parameter.value, parameter.name
    if isinstance(value, str):
        return _text_problems(value, rule, where, name)
    if rule.unit and not parameter.unit:
        reason = f"missing: {name} needs a unit"
        return [Problem(field=f"{where}.unit", reason=reason, suggestion=rule.unit)]
    if rule.unit is None and rule.values:
        reason = f"{name} must be one of {', '.join(rule.values)}"
        return [Problem(field=f"{where}.value", reason=reason)]
    if rule.whole and not float(value).is_integer():
        return [_whole_problem(value, where, name)]
    return _range_problems(float(value), parameter.unit, rule, where, name)


def _text_problems(value: str, rule: ParameterRule, where: str, name: str) -> list[Problem]:
    if rule.unit is not None:
        reason = f"{name} must be a number, not the text {value[:MAX_QUOTED_CHARS]!r}"
        return [Problem(field=f"{where}.value", reason=reason, suggestion=_quantity_in(value))]
    if rule.values and value not in rule.values:
        reason = f"{value[:MAX_QUOTED_CHARS]!r} is not a known value of {name}"
        suggestion = closest_name(value, rule.values)
        return [Problem(field=f"{where}.value", reason=reason, suggestion=suggestion)]
    return []


def _whole_problem(value: float, where: str, name: str) -> Problem:
    """A count with decimals, as 1.024 voxels: a thousands separator was read as a decimal point."""
    whole = value * 1000
    reason = f"{name} is a count; {value!r} is not a whole number. Is the dot between thousands?"
    suggestion = f"{whole:.0f}" if whole.is_integer() else None
    return Problem(field=f"{where}.value", reason=reason, suggestion=suggestion)


def _quantity_in(text: str) -> str | None:
    found = QUANTITY.fullmatch(text)
    if not found or THOUSANDS.fullmatch(found[1]):  # 1,024 may be 1024 or 1.024
        return None
    number = found[1].replace(",", ".")
    return f"value {number}, unit {found[2]}" if found[2] else f"value {number}"


def _range_problems(
    value: float, unit: str | None, rule: ParameterRule, where: str, name: str
) -> list[Problem]:
    if rule.unit:
        same = units.normalize(unit or "") == units.normalize(rule.unit)
        converted = value if same else units.convert(value, unit, rule.unit, name)
        if converted is None:
            reason = f"unit {unit!r} does not fit {name}, which is measured in {rule.unit}"
            return [Problem(field=f"{where}.unit", reason=reason, suggestion=rule.unit)]
        value = converted
    low, high = rule.minimum, rule.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        shown = f"{value:g} {rule.unit or ''}".strip()
        span = f"{'…' if low is None else f'{low:g}'} to {'…' if high is None else f'{high:g}'}"
        return [
            Problem(field=f"{where}.value", reason=f"{shown} is outside the allowed range {span}")
        ]
    return []


def missing_parameters(found: Sequence[ParameterIn], place: str, profile: Profile) -> list[Problem]:
    present = {p.name for p in found}
    return [
        Problem(field=f"{place}.parameters", reason=f"{name} is missing; every dataset needs it")
        for name, rule in profile.parameters.items()
        if rule.required and name not in present
    ]
