"""Validates the parts of a job: which can be registered, and why the others are refused.

All problems are reported at once. A refused dataset does not affect the others; a refused document
refuses all datasets of its job, because they would belong to no document.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError

from portal_shared.contracts.jobs import (
    DatasetIn,
    DocumentIn,
    Envelope,
    InstrumentIn,
    PatchIn,
    Problem,
    ReleaseIn,
    WithdrawalIn,
)
from portal_shared.contracts.moments import ERROR as NOT_RFC3339
from portal_shared.profile import Profile
from portal_shared.validation import field_rules, rules
from portal_shared.validation.file_rules import file_problems
from portal_shared.validation.form_errors import describe, field_path, without_alternatives
from portal_shared.validation.normal_forms import with_normal_forms
from portal_shared.validation.pids import pid_problem
from portal_shared.validation.private_texts import private_text_problems
from portal_shared.validation.rules import (
    CONTROL,
    HIDDEN,
    MAX_QUOTED_CHARS,
    closest_name,
)
from portal_shared.validation.stand_ins import stand_in, without_repeated

M = TypeVar("M", bound=BaseModel)
In = TypeVar("In", DatasetIn, DocumentIn)
_QUOTED = re.compile(r"'([^']*)'")
Kind = Literal["document", "dataset", "instrument"]
RecordIn = PatchIn | WithdrawalIn | ReleaseIn
MAX_RECORDS = 10_000  # of each kind in a job
MAX_PROBLEMS = 200  # reported for one part, and the number of further ones
DOCUMENT_REFUSED = "its document was refused"
NOT_IN_REGISTER_JOB = "only allowed in jobs of kind patch, withdraw or release"
RECORDS: dict[str, type[RecordIn]] = {
    "patch": PatchIn,
    "withdraw": WithdrawalIn,
    "release": ReleaseIn,
}


@dataclass
class Part:
    """One record of the job with its problems and warnings."""

    kind: Kind
    name: str
    problems: list[Problem] = field(default_factory=list[Problem])
    warnings: list[Problem] = field(default_factory=list[Problem])


@dataclass
class DatasetPart(Part):
    dataset: DatasetIn | None = None


@dataclass
class DocumentPart(Part):
    document: DocumentIn | None = None


@dataclass
class InstrumentPart(Part):
    instrument: InstrumentIn | None = None


@dataclass
class RecordPart(Part):
    """A record to change; its kind is known once it is looked up."""

    place: str = ""
    change: RecordIn | None = None


@dataclass
class ValidationResult:
    document: DocumentPart | None
    datasets: list[DatasetPart]
    instruments: list[InstrumentPart]
    records: list[RecordPart] = field(default_factory=list[RecordPart])
    problems: list[Problem] = field(default_factory=list[Problem])  # of the job as a whole


def validate(job: Envelope, profile: Profile) -> ValidationResult:
    """Validates every part by its model and by the profile."""
    if flood := too_many_records(job):
        return ValidationResult(None, [], [], problems=flood)
    if job.kind != "register":
        return _validate_changes(job, profile)
    document = validate_document(job.document, profile) if job.document is not None else None
    datasets = [
        validate_dataset(raw, f"datasets[{n}]", profile) for n, raw in enumerate(job.datasets)
    ]
    instruments = [_validate_instrument(raw, number) for number, raw in enumerate(job.instruments)]
    for n, part in enumerate(datasets):
        _check_pid(part.dataset, f"datasets[{n}]", part)
    if document is not None:
        _check_pid(document.document, "document", document)
    _check_unique_names(datasets)
    if document is not None and document.problems:
        for part in datasets:
            part.problems.append(Problem(field="document", reason=DOCUMENT_REFUSED))
    result = ValidationResult(document, datasets, instruments)
    if job.records:
        result.problems.append(Problem(field="records", reason=NOT_IN_REGISTER_JOB))
    elif not (document or datasets or instruments):
        reason = "the job contains no document, no datasets and no instruments"
        result.problems.append(Problem(field="job", reason=reason))
    return result


def too_many_records(job: Envelope) -> list[Problem]:
    """Returns a problem for each list of the job that is longer than `MAX_RECORDS`."""
    counts = {n: len(getattr(job, n)) for n in ("datasets", "instruments", "records")}
    return [
        Problem(
            field=name,
            reason=f"{count} entries; a job has at most {MAX_RECORDS}. Send several jobs",
        )
        for name, count in counts.items()
        if count > MAX_RECORDS
    ]


def limit_problems(problems: Sequence[Problem], place: str) -> list[Problem]:
    """Returns the first problems and the number of further ones: an answer is one message."""
    more = len(problems) - MAX_PROBLEMS
    if more <= 0:
        return list(problems)
    rest = Problem(
        field=place, reason=f"{more} more problems; correct the first ones and try again"
    )
    return [*problems[:MAX_PROBLEMS], rest]


def _validate_changes(job: Envelope, profile: Profile) -> ValidationResult:
    """Validates a patch, withdrawal or release: a job with `records` and nothing else."""
    result = ValidationResult(None, [], [])
    for name in ("document", "datasets", "instruments"):
        if getattr(job, name):
            reason = f"not allowed in a {job.kind} job; use 'records'"
            result.problems.append(Problem(field=name, reason=reason))
    if not job.records:
        result.problems.append(
            Problem(field="records", reason=f"required: the records to {job.kind}")
        )
    for n, raw in enumerate(job.records):
        place = f"records[{n}]"
        part = RecordPart("dataset", _display_name(raw, place, "pid"), place=place)
        part.change = _validate_model(RECORDS[job.kind], raw, place, part)
        if job.kind == "withdraw" and profile.privacy.texts != "ignored":
            part.problems += private_text_problems(raw, place, profile)  # the reason is public
        result.records.append(part)
    count = Counter(p.change.pid for p in result.records if p.change)
    for part in result.records:
        if part.change and count[part.change.pid] > 1:
            reason = f"{part.change.pid!r} appears {count[part.change.pid]} times in this job"
            part.problems.append(Problem(field=f"{part.place}.pid", reason=reason))
    return result


def _display_name(raw: Any, fallback: str, label: str = "name") -> str:
    name = cast("dict[str, Any]", raw).get(label) if isinstance(raw, dict) else None
    return name[:255] if isinstance(name, str) and name else fallback


def _validate_model(
    model: type[M], raw: Any, place: str, part: Part, profile: Profile | None = None
) -> M | None:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        errors = without_alternatives(error.errors())
        found = [_problem(e, place, model, profile) for e in errors[:MAX_PROBLEMS]]
        part.problems += found
        if (more := len(errors) - len(found)) > 0:
            reason = f"{more} more problems; correct the first ones and try again"
            part.problems.append(Problem(field=place, reason=reason))
        return None


def _problem(
    error: dict[str, Any], place: str, model: type[BaseModel], profile: Profile | None
) -> Problem:
    where = _join(place, field_path(error["loc"]))
    if error["type"] == "extra_forbidden":
        known = _fields_at(model, error["loc"][:-1])
        suggestion = closest_name(str(error["loc"][-1]), known)
        return Problem(field=where, reason=describe(error), suggestion=suggestion)
    if error["type"] == NOT_RFC3339 and profile is not None:
        suggestion = rules.plausible_suggestion(error["input"], str(error["loc"][-1]), profile)
        return Problem(field=where, reason=error["msg"], suggestion=suggestion)
    if error["type"] == "too_short" and error["loc"] == ("fields",):
        reason = "no field to change is left; private fields were removed (see dropped_fields)"
        return Problem(field=where, reason=reason)
    suggestion = None
    if error["type"] == "literal_error" and isinstance(error["input"], str):
        suggestion = closest_name(error["input"], _QUOTED.findall(error["ctx"]["expected"]))
    return Problem(field=where, reason=describe(error), suggestion=suggestion)


def _fields_at(model: type[BaseModel], path: Iterable[int | str]) -> list[str]:
    """Returns the field names of the model at the end of a path."""
    here = model
    for part in path:
        if isinstance(part, str) and part in here.model_fields:
            here = model_in(here.model_fields[part].annotation) or here
    return list(here.model_fields)


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Returns the model in a field's type, alone or inside a list; None if there is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (model_in(a) for a in get_args(annotation))
    return next((found for found in inner if found), None)


def _join(place: str, rest: str) -> str:
    if rest in ("", "job"):
        return place
    return f"{place}{rest}" if rest.startswith("[") else f"{place}.{rest}"


def _validate_part(
    model: type[In],
    raw: Any,
    place: str,
    profile: Profile,
    part: Part,
    *,
    check: Callable[[In, Any, str, Profile, Part], None],
) -> In | None:
    """Adds the problems of form, then those that `check` finds; returns the part if it has a form.

    A part of wrong form is checked as well, by its fields that are right.
    """
    found = _validate_model(model, raw, place, part, profile)
    valid = None if found is None else with_normal_forms(found)
    checked = valid or stand_in(model, raw)
    if checked is not None:
        form = part.problems
        part.problems = []
        check(checked, raw, place, profile, part)
        part.problems = [*form, *without_repeated(part.problems, form)]
    return valid


def validate_document(raw: Any, profile: Profile, place: str = "document") -> DocumentPart:
    part = DocumentPart("document", _display_name(raw, "document"))
    part.document = _validate_part(DocumentIn, raw, place, profile, part, check=_check_document)
    return part


def _check_document(found: DocumentIn, raw: Any, place: str, profile: Profile, part: Part) -> None:
    if profile.document_types and found.type not in profile.document_types:
        known = " or ".join(profile.document_types)
        part.problems.append(
            Problem(
                field=f"{place}.type",
                reason=f"{found.type[:MAX_QUOTED_CHARS]!r} is not a known type; use {known}",
                suggestion=closest_name(found.type, profile.document_types),
            )
        )
    _check_common(found, raw, place, profile, part)
    _check_required(found, place, profile.required.get("document", ()), part)


def validate_dataset(raw: Any, place: str, profile: Profile) -> DatasetPart:
    part = DatasetPart("dataset", _display_name(raw, place))
    part.dataset = _validate_part(DatasetIn, raw, place, profile, part, check=_check_dataset)
    return part


def _check_dataset(found: DatasetIn, raw: Any, place: str, profile: Profile, part: Part) -> None:
    _check_common(found, raw, place, profile, part)
    _check_required(found, place, profile.required.get("dataset", ()), part)
    part.problems += rules.missing_parameters(found.parameters, place, profile)
    if profile.strict:
        for n, technique in enumerate(found.techniques):
            if technique.pid not in profile.techniques:
                given = technique.pid[:MAX_QUOTED_CHARS]
                reason = f"{given!r} is not a technique of profile {profile.name}"
                suggestion = closest_name(technique.pid, profile.techniques)
                where = f"{place}.techniques[{n}].pid"
                part.problems.append(Problem(field=where, reason=reason, suggestion=suggestion))
    files = list(file_problems(found, place))
    part.problems = [*without_repeated(part.problems, files), *files]


def _check_required(found: BaseModel, place: str, names: Iterable[str], part: Part) -> None:
    part.problems += [
        Problem(field=f"{place}.{name}", reason="missing; the profile requires it")
        for name in names
        if not getattr(found, name)
    ]


def _validate_instrument(raw: Any, number: int) -> InstrumentPart:
    part = InstrumentPart("instrument", _display_name(raw, f"instruments[{number}]"))
    place = f"instruments[{number}]"
    part.instrument = _validate_model(InstrumentIn, raw, place, part)
    _check_pid(part.instrument, place, part)
    return part


def _check_pid(found: DatasetIn | DocumentIn | InstrumentIn | None, place: str, part: Part) -> None:
    """Refuses a pid, or a name that becomes the pid, which cannot be part of an address."""
    if found is None:
        return
    reason = pid_problem(found.pid or found.name)
    if reason and found.pid is None:
        reason = f"{reason}; or give a 'pid' beside the name"
    if reason:
        label = "name" if found.pid is None else "pid"
        part.problems.append(Problem(field=f"{place}.{label}", reason=reason))


def _check_common(
    found: DatasetIn | DocumentIn, raw: Any, place: str, profile: Profile, part: Part
) -> None:
    part.problems += field_rules.identifier_problems(found, place)
    terms = field_rules.term_problems(found, place)
    (part.problems if profile.strict else part.warnings).extend(terms)
    part.problems += field_rules.date_problems(found, place, profile)
    part.problems += field_rules.age_problems(found, place, profile)
    private = private_text_problems(raw, place, profile)
    if profile.privacy.texts != "ignored":
        refused = profile.privacy.texts == "refused"
        (part.problems if refused else part.warnings).extend(private)
    part.warnings += field_rules.doi_warnings(found, place, profile)
    marks = {"name": CONTROL, "title": HIDDEN}
    hidden = [n for n in marks if marks[n].search(getattr(found, n))]
    found_in_texts = rules.text_problems(raw, place, marks=profile.strict)
    part.problems += found_in_texts
    for name in hidden:
        if not any(p.field == f"{place}.{name}" for p in found_in_texts):
            reason = "contains control or direction characters"
            part.problems.append(Problem(field=f"{place}.{name}", reason=reason))
    part.problems += rules.parameter_problems(found.parameters, place, profile)


def _check_unique_names(parts: Iterable[DatasetPart]) -> None:
    parts = list(parts)
    for label in ("name", "pid"):
        values = [_name_or_pid(p.dataset, label) for p in parts]
        count = Counter(v for v in values if v is not None)
        for number, (part, value) in enumerate(zip(parts, values, strict=True)):
            if value is not None and count[value] > 1:
                reason = f"{label} {value!r} is given to {count[value]} datasets of this job"
                part.problems.append(Problem(field=f"datasets[{number}].{label}", reason=reason))


def _name_or_pid(dataset: DatasetIn | None, label: str) -> str | None:
    if dataset is None:
        return None
    return dataset.name if label == "name" else dataset.pid
