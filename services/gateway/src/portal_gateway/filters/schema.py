"""Entities of the PaNOSC data model with their fields, field types and relations."""

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["string", "strings", "boolean", "number", "date", "doi", "value"]


@dataclass(frozen=True)
class Relation:
    name: str  # field name in the answer
    entity: str
    many: bool = True
    stored: bool = True  # in the record's own row; if False, loaded separately


@dataclass(frozen=True)
class Entity:
    name: str
    fields: dict[str, Kind]
    relations: dict[str, Relation] = field(default_factory=dict[str, Relation])
    text_fields: tuple[str, ...] = ()  # searched by {"text": …}
    default_order: tuple[str, ...] = ("pid",)  # of rows, unless the request has an order


def _relations(*listed: Relation) -> dict[str, Relation]:
    return {r.name: r for r in listed}


_STRING: Kind = "string"

DATASET = Entity(
    "Dataset",
    {
        "pid": "string",
        "title": "string",
        "isPublic": "boolean",
        "creationDate": "date",
        "size": "number",
        "doi": "doi",
        "license": "string",
        "keywords": "strings",
        "availability": "string",
        "availabilityDetail": "string",
    },
    {
        **_relations(
            Relation("documents", "Document", stored=False),
            Relation("instrument", "Instrument", many=False),
            Relation("techniques", "Technique"),
            Relation("samples", "Sample"),
            Relation("parameters", "Parameter"),
            Relation("files", "File", stored=False),
        ),
        "document": Relation("documents", "Document", stored=False),
    },
    text_fields=("title",),
)
DOCUMENT = Entity(
    "Document",
    {
        "pid": "string",
        "isPublic": "boolean",
        "type": "string",
        "title": "string",
        "summary": "string",
        "doi": "doi",
        "startDate": "date",
        "endDate": "date",
        "releaseDate": "date",
        "license": "string",
        "keywords": "strings",
    },
    _relations(
        Relation("datasets", "Dataset", stored=False),
        Relation("members", "Member"),
        Relation("parameters", "Parameter"),
    ),
    text_fields=("title", "summary"),
)
INSTRUMENT = Entity(
    "Instrument",
    dict.fromkeys(("pid", "name", "facility"), _STRING),
    _relations(Relation("datasets", "Dataset", stored=False)),
    text_fields=("name", "facility"),
)
TECHNIQUE = Entity(
    "Technique", dict.fromkeys(("pid", "name", "panetId"), _STRING), text_fields=("name",)
)
SAMPLE = Entity(
    "Sample",
    dict.fromkeys(("pid", "name", "description"), _STRING),
    text_fields=("name", "description"),
)
FILE = Entity(
    "File",
    {
        "id": "string",
        "name": "string",
        "path": "string",
        "size": "number",
        "sha256": "string",
        "role": "string",
        "level": "number",
    },
    text_fields=("name",),
    default_order=("path", "name", "id"),
)
PARAMETER = Entity(
    "Parameter",
    {"id": "string", "name": "string", "value": "value", "unit": "string"},
    default_order=("name", "id"),
)
MEMBER = Entity(
    "Member",
    {"id": "string", "role": "string"},
    _relations(
        Relation("person", "Person", many=False), Relation("affiliation", "Affiliation", many=False)
    ),
    default_order=(),
)
PERSON = Entity(
    "Person",
    dict.fromkeys(("id", "fullName", "firstName", "lastName", "orcid", "researcherId"), _STRING),
    text_fields=("fullName", "firstName", "lastName"),
    default_order=("id",),
)
AFFILIATION = Entity(
    "Affiliation",
    dict.fromkeys(("id", "name", "address", "city", "country", "ror"), _STRING),
    text_fields=("name",),
    default_order=("id",),
)

ENTITIES = {
    e.name: e
    for e in (
        DATASET,
        DOCUMENT,
        INSTRUMENT,
        TECHNIQUE,
        SAMPLE,
        FILE,
        PARAMETER,
        MEMBER,
        PERSON,
        AFFILIATION,
    )
}

COLLECTIONS = {"Dataset": "datasets", "Document": "documents", "Instrument": "instruments"}
"""Name of the search index and of the catalogue collection that have the records of an entity."""
