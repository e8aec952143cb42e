"""What a field means, from the models and the profile. Pure."""

import re
from collections.abc import Iterator

from portal_shared.contracts.jobs import DatasetIn, DocumentIn
from portal_shared.contracts.records import Level
from portal_shared.profile import ParameterRule, Profile
from portal_shared.runtime.errors import NotFound
from portal_shared.validation.rules import closest_name
from portal_shared.validation.validator import model_in
from pydantic import BaseModel

from portal_cli.curation.field_texts import INNER

INDEX = re.compile(r"\[\d+\]")  # of a problem's place: datasets[0].samples[1].pid
WORDS = {
    "name": "What you call it; in a dataset, also its folder below the one that is curated.",
    "pid": "Its identifier, given once and kept for ever; the name if it is missing.",
    "title": "What readers see and cite.",
    "type": "publication (what is cited as a whole) or proposal.",
    "is_public": "false keeps it from the public until a release job.",
    "created": "When it was measured: RFC 3339 with a time zone, 2026-11-20T09:30:00Z.",
    "release_date": "Not public before this instant: RFC 3339 with a time zone.",
    "start_date": "When the work began: RFC 3339 with a time zone.",
    "end_date": "When the work ended: RFC 3339 with a time zone.",
    "proposal": "Number of the proposal it was measured for.",
    "doi": "A DOI it has already; without one it is given one, if the profile says so.",
    "size": "Bytes; those of the files if it is missing.",
    "summary": "What it is, for readers.",
    "license": "SPDX identifier, as CC-BY-4.0.",
    "instrument": "pid, name, facility.",
    "techniques": "pid (a PaNET address) and name of each.",
    "samples": "pid, name, description of each; the same pid is the same sample.",
    "parameters": "name, value, unit of each; or NAME: VALUE UNIT.",
    "members": "Authors in the order to cite: role, person, affiliation.",
    "keywords": "Words to find it by; in a table separated by semicolons.",
    "folder": "Where its files are, below the folder that is curated.",
    "files": "Filled in by portal curate.",
    "manifest": "Filled in by portal curate where a job could not hold the list of files.",
    "funding": "funder, funder_id (ROR), award, award_title of each.",
    "related": "relation (DataCite's word, as IsSupplementTo), identifier, title, type of each.",
    "relations": "type (DataCite's word, as IsDerivedFrom) and pid of a record of this portal.",
    "language": "of its texts, as en; the profile's if it is missing.",
    "documents": "pids of documents that are its parts: it is an atlas.",
    "other_datasets": "pids of datasets that belong to it but are registered by other jobs.",
    "details": "The community's own metadata, any JSON object.",
}


def explain(name: str, profile: Profile) -> str:
    """A field, a field within one, or a parameter, also as a problem names it.

    Raises NotFound with the field that was probably meant.
    """
    plain = INDEX.sub("", name)
    for start in ("datasets.", "document.", "parameters."):
        if plain.partition(".")[2] not in ("", *INNER["Parameter"]):
            plain = plain.removeprefix(start)
    lines = [*_field(plain, profile), *_parameter(plain, profile), *_inner(plain, profile)]
    if not lines:
        meant = closest_name(plain, [*WORDS, *profile.parameters])
        hint = f"; did you mean {meant}?" if meant else ""
        raise NotFound(f"no field {name!r}{hint}", field="--explain")
    return "\n".join([plain, *lines])


def _field(name: str, profile: Profile) -> Iterator[str]:
    models: dict[Level, type[BaseModel]] = {"dataset": DatasetIn, "document": DocumentIn}
    for label, model in models.items():
        if name in model.model_fields:
            found = model.model_fields[name]
            needed = found.is_required() or name in profile.required.get(label, ())
            yield f"  of a {label}{', required' if needed else ''}: {WORDS[name]}"


def _inner(path: str, profile: Profile) -> Iterator[str]:
    """Of a field within a field: members.person.orcid."""
    top, *rest = path.split(".")
    if top == "details" and len(rest) == 1 and rest[0] in profile.details_allowed:
        yield f"  may hold, all else is left out: {', '.join(profile.details_allowed[rest[0]])}"
    here = _model_of(DatasetIn, top) or _model_of(DocumentIn, top)
    for name in rest[:-1]:
        here = _model_of(here, name) if here else None
    if rest and here and rest[-1] in here.model_fields:
        kind = here.__name__.removesuffix("In")
        needed = ", required" if here.model_fields[rest[-1]].is_required() else ""
        yield f"  of each {kind.lower()}{needed}: {INNER[kind][rest[-1]]}"


def _model_of(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The model that a field holds, alone or in a list."""
    found = model.model_fields.get(name)
    return model_in(found.annotation) if found else None


def _parameter(name: str, profile: Profile) -> Iterator[str]:
    rule = profile.parameters.get(name)
    if rule is None:
        return
    text = "an instant: RFC 3339 with a time zone" if rule.date else "text"
    kind = text if rule.unit is None else f"number in {rule.unit}" if rule.unit else "number"
    yield f"  parameter{', required' if rule.required else ''}: {rule.label} ({kind})"
    yield from _limits(rule)
    if rule.icat:
        yield f"  in ICAT: {rule.icat}"


def _limits(rule: ParameterRule) -> Iterator[str]:
    if rule.values:
        yield f"  one of: {', '.join(rule.values)}"
    if rule.minimum is not None:
        yield f"  not below {rule.minimum:g}"
    if rule.maximum is not None:
        yield f"  not above {rule.maximum:g}"
