"""Help texts of the metadata fields, from the models, the profile and the texts below."""

import re
from collections.abc import Iterator

from portal_shared.contracts.jobs import DatasetIn, DocumentIn
from portal_shared.contracts.records import Level
from portal_shared.profile import ParameterRule, Profile
from portal_shared.runtime.errors import NotFound
from portal_shared.validation.rules import closest_name
from portal_shared.validation.validator import model_in
from pydantic import BaseModel

INDEX = re.compile(r"\[\d+\]")  # in the field of a problem: datasets[0].samples[1].pid
FIELD_TEXTS = {
    "name": "Your name for the record. For a dataset also the name of its subfolder.",
    "pid": "Persistent identifier; it never changes. Default: the name.",
    "title": "Title that readers see and cite.",
    "type": "publication (cited as a whole) or proposal.",
    "is_public": "false: not public until a release job publishes it.",
    "created": "Time of the measurement: RFC 3339 with a time zone, as in 2026-11-20T09:30:00Z.",
    "release_date": "The record is not public before this time: RFC 3339 with a time zone.",
    "start_date": "Start of the work: RFC 3339 with a time zone.",
    "end_date": "End of the work: RFC 3339 with a time zone.",
    "proposal": "Number of the proposal for which it was measured.",
    "doi": "DOI that the record already has. Without it, a DOI is created if the profile says so.",
    "size": "Size in bytes. Default: the sum of the files.",
    "summary": "Short description for readers.",
    "license": "Identifier of the SPDX list, for example CC-BY-4.0.",
    "instrument": "Instrument with pid, name and facility.",
    "techniques": "List of techniques, each with pid (a PaNET address) and name.",
    "samples": "List of samples, each with pid, name and description. Same pid: same sample.",
    "parameters": "List of parameters with name, value and unit; or a mapping NAME: VALUE UNIT.",
    "members": "Authors in the order of citation, each with role, person and affiliation.",
    "keywords": "Search words; in a table separated by semicolons.",
    "folder": "Folder with the files of the dataset, below the folder given to portal curate.",
    "files": "List of files; portal curate fills it in.",
    "manifest": "Name of the file that lists the files; portal curate fills it in for long lists.",
    "funding": "List of grants, each with funder, funder_id (ROR), award and award_title.",
    "related": "Related works, each with relation (a DataCite relation type, for example "
    "IsSupplementTo), identifier, title and type.",
    "relations": "Related records of this portal, each with type (a DataCite relation type, for "
    "example IsDerivedFrom) and pid.",
    "language": "Language of the texts: a tag of BCP 47, as en or pt-BR. Default: that of the "
    "profile.",
    "documents": "Pids of the documents that are parts of this document (an atlas).",
    "other_datasets": "Pids of further datasets of this document that other jobs register.",
    "details": "Further metadata of the community: any JSON object.",
}
INNER_FIELD_TEXTS = {  # by model: the fields inside of fields
    "Instrument": {
        "pid": "Identifier, for example ESRF-BM18.",
        "name": "Name at the facility, for example BM18; also used in ICAT.",
        "facility": "Facility that operates it.",
    },
    "Technique": {
        "pid": "Address in PaNET; the profile has the list of known techniques.",
        "name": "Name of the technique.",
        "panet_id": "Number in PaNET, for example PaNET01333.",
    },
    "Sample": {
        "pid": "Identifier; the same pid is the same sample.",
        "name": "Name of the sample.",
        "description": "Description for readers.",
    },
    "Parameter": {
        "name": "Name of a parameter of the profile; see portal curate --explain NAME.",
        "value": "Number or text; a text stays a text.",
        "unit": "Unit, for example um, keV or m/s; it must fit the unit of the profile.",
    },
    "Member": {
        "role": "Role of the person, in one word.",
        "roles": "Roles of the CRediT taxonomy.",
        "person": "Person with id, full_name, first_name, last_name, orcid and organisation.",
        "affiliation": "Affiliation with id, name, ror and address.",
    },
    "Person": {
        "id": "Identifier; the same id is the same person.",
        "full_name": "Name as it is cited.",
        "first_name": "Given name.",
        "last_name": "Family name.",
        "orcid": "ORCID iD: four groups of four characters; the last one is a check digit.",
        "researcher_id": "Identifier in another register.",
        "organisation": "true for an organisation, which has no given and family name.",
    },
    "Affiliation": {
        "id": "Identifier; the same id is the same affiliation.",
        "name": "Name of the institution.",
        "address": "Street and number.",
        "city": "City.",
        "country": "Country.",
        "ror": "Address of the institution at ror.org.",
    },
    "File": {
        "name": "Name of the file; portal curate fills it in.",
        "path": "Folder of the file below that of the dataset; portal curate fills it in.",
        "size": "Size in bytes; portal curate fills it in.",
        "sha256": "SHA-256 checksum, 64 hexadecimal digits; portal curate fills it in.",
        "role": "data, level, preview, thumbnail, metadata or checksum. Default: by its name.",
        "level": "Number of the resolution level that the file belongs to; 0 is the finest.",
    },
    "Funding": {
        "funder": "Name of the funder.",
        "funder_id": "ROR of the funder.",
        "award": "Number of the grant.",
        "award_title": "Title of the grant.",
    },
    "RelatedItem": {
        "relation": "DataCite relation type, for example IsSupplementTo.",
        "identifier": "DOI, web address or arXiv number of the work.",
        "title": "Title of the work.",
        "type": "DataCite resource type, for example JournalArticle.",
    },
    "Relation": {
        "type": "DataCite relation type, for example IsDerivedFrom.",
        "pid": "Pid of the other record of this portal.",
    },
}


def explain_field(name: str, profile: Profile) -> str:
    """Explains a field, a field inside a field, or a parameter; also as a problem refers to it.

    Raises NotFound with the most similar field.
    """
    plain = INDEX.sub("", name)
    for start in ("datasets.", "document.", "parameters."):
        if plain.partition(".")[2] not in ("", *INNER_FIELD_TEXTS["Parameter"]):
            plain = plain.removeprefix(start)
    lines = [*_field(plain, profile), *_parameter(plain, profile), *_inner_field(plain, profile)]
    if not lines:
        similar = closest_name(plain, [*FIELD_TEXTS, *profile.parameters])
        hint = f"; did you mean {similar}?" if similar else ""
        raise NotFound(f"there is no field {name!r}{hint}", field="--explain")
    return "\n".join([plain, *lines])


def _field(name: str, profile: Profile) -> Iterator[str]:
    models: dict[Level, type[BaseModel]] = {"dataset": DatasetIn, "document": DocumentIn}
    for label, model in models.items():
        if name in model.model_fields:
            found = model.model_fields[name]
            is_required = found.is_required() or name in profile.required.get(label, ())
            yield f"  of a {label}{', required' if is_required else ''}: {FIELD_TEXTS[name]}"


def _inner_field(path: str, profile: Profile) -> Iterator[str]:
    """Explains a field inside a field, as in members.person.orcid."""
    top, *rest = path.split(".")
    if top == "details" and len(rest) == 1 and rest[0] in profile.details_allowed:
        allowed = ", ".join(profile.details_allowed[rest[0]])
        yield f"  allowed fields (others are left out): {allowed}"
    model = inner_model(DatasetIn, top) or inner_model(DocumentIn, top)
    for name in rest[:-1]:
        model = inner_model(model, name) if model else None
    if rest and model and rest[-1] in model.model_fields:
        kind = model.__name__.removesuffix("In")
        required = ", required" if model.model_fields[rest[-1]].is_required() else ""
        yield f"  of each {kind.lower()}{required}: {INNER_FIELD_TEXTS[kind][rest[-1]]}"


def inner_model(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """Returns the model of the values of a field, single or in a list; None for plain values."""
    found = model.model_fields.get(name)
    return model_in(found.annotation) if found else None


def _parameter(name: str, profile: Profile) -> Iterator[str]:
    rule = profile.parameters.get(name)
    if rule is None:
        return
    text = "time: RFC 3339 with a time zone" if rule.date else "text"
    number = "whole number" if rule.whole else "number"
    kind = text if rule.unit is None else f"{number} in {rule.unit}" if rule.unit else number
    yield f"  parameter{', required' if rule.required else ''}: {rule.label} ({kind})"
    yield from _limits(rule)
    if rule.icat:
        yield f"  in ICAT: {rule.icat}"


def _limits(rule: ParameterRule) -> Iterator[str]:
    if rule.values:
        yield f"  one of: {', '.join(rule.values)}"
    if rule.minimum is not None:
        yield f"  minimum: {rule.minimum:g}"
    if rule.maximum is not None:
        yield f"  maximum: {rule.maximum:g}"
