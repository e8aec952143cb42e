"""The entities of the PaNOSC data model: their fields, with types, and their relations."""

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["string", "strings", "boolean", "number", "date", "value"]


@dataclass(frozen=True)
class Relation:
    name: str  # as it stands in the answer
    entity: str
    many: bool = True
    stored: bool = True  # kept with the record; else looked up


@dataclass(frozen=True)
class Entity:
    name: str
    fields: dict[str, Kind]
    relations: dict[str, Relation] = field(default_factory=dict[str, Relation])
    text: tuple[str, ...] = ()  # what {"text": …} looks at
    order: tuple[str, ...] = ("pid",)  # of rows, where nothing else is asked


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
        "doi": "string",
        "license": "string",
        "keywords": "strings",
        "availability": "string",
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
    text=("title",),
)
DOCUMENT = Entity(
    "Document",
    {
        "pid": "string",
        "isPublic": "boolean",
        "type": "string",
        "title": "string",
        "summary": "string",
        "doi": "string",
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
    text=("title", "summary"),
)
INSTRUMENT = Entity(
    "Instrument",
    dict.fromkeys(("pid", "name", "facility"), _STRING),
    _relations(Relation("datasets", "Dataset", stored=False)),
    text=("name", "facility"),
)
TECHNIQUE = Entity("Technique", dict.fromkeys(("pid", "name", "panetId"), _STRING), text=("name",))
SAMPLE = Entity(
    "Sample",
    dict.fromkeys(("pid", "name", "description"), _STRING),
    text=("name", "description"),
)
FILE = Entity(
    "File",
    {"id": "string", "name": "string", "path": "string", "size": "number", "sha256": "string"},
    text=("name",),
    order=("path", "name", "id"),
)
PARAMETER = Entity(
    "Parameter",
    {"id": "string", "name": "string", "value": "value", "unit": "string"},
    order=("name", "id"),
)
MEMBER = Entity(
    "Member",
    {"id": "string", "role": "string"},
    _relations(
        Relation("person", "Person", many=False), Relation("affiliation", "Affiliation", many=False)
    ),
    order=(),
)
PERSON = Entity(
    "Person",
    dict.fromkeys(("id", "fullName", "firstName", "lastName", "orcid", "researcherId"), _STRING),
    text=("fullName", "firstName", "lastName"),
    order=("id",),
)
AFFILIATION = Entity(
    "Affiliation",
    dict.fromkeys(("id", "name", "address", "city", "country", "ror"), _STRING),
    text=("name",),
    order=("id",),
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
"""Where the records of an entity are: names of indexes and of the catalogue's collections."""
