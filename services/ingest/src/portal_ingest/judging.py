"""What of a job can be registered, and what is refused and why. Pure: no I/O, no clock.

Everything wrong is told at once. A dataset that is refused does not hold up its neighbours; a
document that is refused takes its datasets with it, for they would belong to nothing.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

from portal_shared import units
from portal_shared.jobs import (
    DatasetIn,
    DocumentIn,
    Envelope,
    FileIn,
    InstrumentIn,
    ParameterIn,
    Problem,
)
from portal_shared.model import bare_doi
from portal_shared.profile import Profile
from pydantic import BaseModel, ValidationError

from portal_ingest.reading import place_of

M = TypeVar("M", bound=BaseModel)
Kind = Literal["document", "dataset", "instrument"]
DOI = re.compile(r"10\.\d{4,9}/\S+")
ORCID = re.compile(r"(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])")
MOST_SHOWN = 80  # characters of a refused value repeated in the reason
HIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


@dataclass
class Part:
    """One record of the job, with what is wrong with it."""

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
class Judged:
    document: DocumentPart | None
    datasets: list[DatasetPart]
    instruments: list[InstrumentPart]


def judge(job: Envelope, profile: Profile) -> Judged:
    """Check every part by its model and by the profile."""
    document = _document(job.document, profile) if job.document is not None else None
    datasets = [_dataset(raw, number, profile) for number, raw in enumerate(job.datasets)]
    instruments = [_instrument(raw, number) for number, raw in enumerate(job.instruments)]
    _names_once(datasets)
    if document is not None and document.problems:
        for part in datasets:
            part.problems.append(Problem(field="document", reason="its document is refused"))
    return Judged(document, datasets, instruments)


def _named(raw: Any, fallback: str) -> str:
    name = cast("dict[str, Any]", raw).get("name") if isinstance(raw, dict) else None
    return name[:255] if isinstance(name, str) and name else fallback


def _model(model: type[M], raw: Any, place: str, part: Part) -> M | None:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        part.problems += [
            Problem(field=_join(place, place_of(e["loc"])), reason=_reason(e["msg"], e["input"]))
            for e in error.errors()
        ]
        return None


def _join(place: str, rest: str) -> str:
    if rest in ("", "job"):
        return place
    return f"{place}{rest}" if rest.startswith("[") else f"{place}.{rest}"


def _reason(message: str, given: Any) -> str:
    shown = repr(given)
    return (
        message
        if len(shown) > MOST_SHOWN or isinstance(given, dict | list)
        else f"{message}: {shown}"
    )


def _document(raw: Any, profile: Profile) -> DocumentPart:
    part = DocumentPart("document", _named(raw, "document"))
    part.document = found = _model(DocumentIn, raw, "document", part)
    if found is None:
        return part
    if profile.document_types and found.type not in profile.document_types:
        known = " or ".join(profile.document_types)
        part.problems.append(
            Problem(field="document.type", reason=f"{found.type!r} is not {known}")
        )
    _common(found, "document", profile, part)
    return part


def _dataset(raw: Any, number: int, profile: Profile) -> DatasetPart:
    place = f"datasets[{number}]"
    part = DatasetPart("dataset", _named(raw, place))
    part.dataset = found = _model(DatasetIn, raw, place, part)
    if found is None:
        return part
    _common(found, place, profile, part)
    if profile.strict:
        for n, technique in enumerate(found.techniques):
            if technique.pid not in profile.techniques:
                reason = f"{technique.pid!r} is no technique of profile {profile.name}"
                part.problems.append(Problem(field=f"{place}.techniques[{n}].pid", reason=reason))
    _files(found, place, part)
    return part


def _instrument(raw: Any, number: int) -> InstrumentPart:
    part = InstrumentPart("instrument", _named(raw, f"instruments[{number}]"))
    part.instrument = _model(InstrumentIn, raw, f"instruments[{number}]", part)
    return part


def _common(found: DatasetIn | DocumentIn, place: str, profile: Profile, part: Part) -> None:
    if found.doi is not None and not DOI.fullmatch(bare_doi(found.doi)):
        part.problems.append(Problem(field=f"{place}.doi", reason=f"{found.doi!r} is no DOI"))
    for name in ("name", "title"):
        if HIDDEN.search(getattr(found, name)):
            part.problems.append(
                Problem(field=f"{place}.{name}", reason="holds control or direction characters")
            )
    for n, member in enumerate(found.members):
        orcid = member.person.orcid if member.person else None
        if orcid is not None and not valid_orcid(orcid):
            part.problems.append(
                Problem(
                    field=f"{place}.members[{n}].person.orcid",
                    reason=f"{orcid!r} is no ORCID iD: four groups of four and a check digit",
                )
            )
    _parameters(found.parameters, place, profile, part)


def valid_orcid(text: str) -> bool:
    """ISO 7064 MOD 11-2, as ORCID uses it."""
    match = ORCID.fullmatch(text)
    if not match:
        return False
    digits = match[1].replace("-", "")
    total = 0
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    return digits[-1] == ("X" if check == 10 else str(check))  # noqa: PLR2004


def _parameters(found: Sequence[ParameterIn], place: str, profile: Profile, part: Part) -> None:
    declared = {units.normalised(r.unit) for r in profile.parameters.values() if r.unit}
    for n, parameter in enumerate(found):
        where = f"{place}.parameters[{n}]"
        unit = parameter.unit
        known = not unit or units.normalised(unit) in declared or units.find(unit, parameter.name)
        if profile.strict and not known:
            part.problems.append(
                Problem(field=f"{where}.unit", reason=f"{unit!r} is no unit that is known")
            )
        rule = profile.parameters.get(parameter.name)
        if rule and rule.unit and not isinstance(parameter.value, str) and not unit:
            part.problems.append(
                Problem(field=f"{where}.unit", reason=f"missing: {parameter.name} has one")
            )


def _names_once(parts: Iterable[DatasetPart]) -> None:
    parts = list(parts)
    for label in ("name", "pid"):
        values = [_identity(p.dataset, label) for p in parts]
        count = Counter(v for v in values if v is not None)
        for number, (part, value) in enumerate(zip(parts, values, strict=True)):
            if value is not None and count[value] > 1:
                reason = f"{count[value]} datasets of this job have the {label} {value!r}"
                part.problems.append(Problem(field=f"datasets[{number}].{label}", reason=reason))


def _identity(dataset: DatasetIn | None, label: str) -> str | None:
    if dataset is None:
        return None
    return dataset.name if label == "name" else dataset.pid


def leaves_folder(path: str) -> str | None:
    """Why a path may not be used below a folder; None when it may."""
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        return f"{path!r} is absolute: name it from the folder"
    if "\\" in path or HIDDEN.search(path):
        return f"{path!r} holds a backslash or control character"
    parts = path.split("/")
    if ".." in parts:
        return f"{path!r} leaves its folder"
    if "" in parts or "." in parts:
        return f"{path!r} has an empty part"
    return None


def _files(found: DatasetIn, place: str, part: Part) -> None:
    if found.folder is not None and (reason := leaves_folder(found.folder)):
        part.problems.append(Problem(field=f"{place}.folder", reason=reason))
    seen: set[str] = set()
    for n, file in enumerate(found.files):
        where = f"{place}.files[{n}]"
        _file(file, where, in_folder=found.folder is not None, part=part)
        if file.location in seen:
            part.problems.append(
                Problem(field=f"{where}.name", reason=f"{file.location!r} is listed twice")
            )
        seen.add(file.location)


def _file(file: FileIn, where: str, *, in_folder: bool, part: Part) -> None:
    if "/" in file.name:
        reason = f"{file.name!r} holds a slash: folders belong into path"
        part.problems.append(Problem(field=f"{where}.name", reason=reason))
    if in_folder:
        place = "path" if file.path and leaves_folder(file.path) else "name"
        if reason := leaves_folder(file.location):
            part.problems.append(Problem(field=f"{where}.{place}", reason=reason))
        if file.sha256 is None:
            part.problems.append(
                Problem(field=f"{where}.sha256", reason="missing: a file to archive needs it")
            )
