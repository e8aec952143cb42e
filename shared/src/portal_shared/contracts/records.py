"""Records of the portal, as events carry them and every service uses them.

Names follow the PaNOSC data model (https://github.com/panosc-eu/search-api), in snake case.
Readers ignore unknown fields, so that fields can be added within a version.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StrictStr,
    StringConstraints,
)

_PID = r"^[^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$"

Pid = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=255,
        pattern=_PID,
    ),
]
"""Persistent id of a record: no control characters, no blanks at either end."""

Number = (
    Annotated[int, Field(strict=True)] | Annotated[float, Field(strict=True, allow_inf_nan=False)]
)


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Person(Record):
    id: str
    full_name: str
    first_name: str | None = None
    last_name: str | None = None
    orcid: str | None = None
    researcher_id: str | None = None
    organisation: bool = False  # a collaboration cited as an author


class Affiliation(Record):
    id: str
    name: str | None = None
    address: str | None = None
    city: str | None = None
    country: str | None = None
    ror: str | None = None


class Member(Record):
    """A person or institution and its role in a record; lists are in the order of citation."""

    role: str | None = None
    roles: tuple[str, ...] = ()  # CRediT, where recorded
    person: Person | None = None
    affiliation: Affiliation | None = None


class Instrument(Record):
    pid: Pid
    name: str
    facility: str


class Technique(Record):
    pid: Pid  # a PaNET IRI where there is one
    name: str
    panet_id: str | None = None


class Sample(Record):
    pid: Pid
    name: str
    description: str | None = None


class Parameter(Record):
    name: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    value: Number | StrictStr
    unit: str | None = None  # None and "" both mean: none


FileRole = Literal["data", "level", "preview", "thumbnail", "metadata", "checksum"]
"""What a file is for; `level` is a part of a resolution level of a volume."""


class File(Record):
    """A file of a dataset; (path, name) is its key there."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    path: str | None = None  # folder below the dataset's, slashes, no slash at either end
    size: Annotated[int, Field(ge=0)] | None = None  # bytes
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    role: FileRole | None = None  # None: not given
    level: Annotated[int, Field(ge=0, le=99)] | None = None  # of role `level`; 0 is the finest

    @property
    def location(self) -> str:
        """Path below the dataset's folder; unique in the dataset."""
        return f"{self.path}/{self.name}" if self.path else self.name


class FileSummary(Record):
    """Summary of the file list of a dataset: count, bytes and digest (see files_digest)."""

    count: int = 0
    bytes: int = 0
    digest: str = ""
    formats: tuple[str, ...] = ()  # media types, in the order of their first files


class Funding(Record):
    """Funding of a record: fundingReference of DataCite, FundingReference of ICAT."""

    funder: str
    funder_id: str | None = None  # a ROR, or of the Crossref Funder Registry
    award: str | None = None  # its number
    award_title: str | None = None


class RelatedItem(Record):
    """A work outside of the portal, with a relation type of DataCite (IsSupplementTo a paper)."""

    relation: str
    identifier: str  # a DOI, or an address
    title: str | None = None
    type: str | None = None  # DataCite's resourceTypeGeneral


RelationType = Literal[  # of DataCite 4.5
    "IsCitedBy", "Cites", "IsCollectedBy", "Collects", "IsSupplementTo", "IsSupplementedBy",
    "IsContinuedBy", "Continues", "IsDescribedBy", "Describes", "HasMetadata", "IsMetadataFor",
    "HasVersion", "IsVersionOf", "IsNewVersionOf", "IsPartOf", "IsPreviousVersionOf",
    "IsPublishedIn", "HasPart", "IsReferencedBy", "References", "IsDocumentedBy", "Documents",
    "IsCompiledBy", "Compiles", "IsVariantFormOf", "IsOriginalFormOf", "IsIdenticalTo",
    "IsReviewedBy", "Reviews", "IsDerivedFrom", "IsSourceOf", "IsRequiredBy", "Requires",
    "IsObsoletedBy", "Obsoletes",
]  # fmt: skip


ResourceType = Literal[  # resourceTypeGeneral of DataCite 4.5
    "Audiovisual", "Book", "BookChapter", "Collection", "ComputationalNotebook",
    "ConferencePaper", "ConferenceProceeding", "DataPaper", "Dataset", "Dissertation", "Event",
    "Image", "Instrument", "InteractiveResource", "Journal", "JournalArticle", "Model",
    "OutputManagementPlan", "PeerReview", "PhysicalObject", "Preprint", "Report", "Service",
    "Software", "Sound", "Standard", "StudyRegistration", "Text", "Workflow", "Other",
]  # fmt: skip


class Relation(Record):
    """A relation to another record of this portal, which shows the inverse relation."""

    type: RelationType
    pid: Pid


class Change(Record):
    """One version of a record: when, by which job, which fields; without values and names."""

    version: int
    at: AwareDatetime
    kind: Literal["registered", "changed", "superseded", "released", "withdrawn"]
    job_id: str | None = None  # None: by the portal, for example at the end of an embargo
    fields: tuple[str, ...] = ()


class Dataset(Record):
    pid: Pid
    name: str  # the owner's name for it
    title: str
    profile: str
    is_public: bool = True
    created: AwareDatetime  # PaNOSC creationDate
    release_date: AwareDatetime | None = None  # not public before it
    summary: str | None = None
    language: str | None = None  # BCP 47
    edition: int = 1  # number in the chain of datasets that supersede one another
    supersedes: Pid | None = None
    superseded_by: Pid | None = None
    proposal: str | None = None
    document: Pid | None = None  # the document of its job
    doi: str | None = None  # from the job; the portal's own DOIs come with doi.minted
    icat_id: int | None = None
    size: int | None = None  # bytes of its files
    license: str | None = None  # SPDX
    instrument: Instrument | None = None
    techniques: tuple[Technique, ...] = ()
    samples: tuple[Sample, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    members: tuple[Member, ...] = ()  # authors, in the given order
    keywords: tuple[str, ...] = ()
    folder: str | None = None  # in the archive; None if there is nothing to download
    files: FileSummary = FileSummary()
    funding: tuple[Funding, ...] = ()
    related: tuple[RelatedItem, ...] = ()
    relations: tuple[Relation, ...] = ()
    details: dict[str, JsonValue] = {}  # further metadata of the community


class Document(Record):
    pid: Pid
    name: str
    title: str
    profile: str
    type: str  # publication, proposal or atlas (a collection of documents), in any case
    is_public: bool = True
    summary: str | None = None
    doi: str | None = None
    start_date: AwareDatetime | None = None
    end_date: AwareDatetime | None = None
    release_date: AwareDatetime | None = None
    language: str | None = None  # BCP 47
    license: str | None = None  # SPDX
    keywords: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    datasets: tuple[Pid, ...] = ()  # in the given order
    documents: tuple[Pid, ...] = ()  # its parts that are documents, in the given order
    funding: tuple[Funding, ...] = ()
    related: tuple[RelatedItem, ...] = ()
    relations: tuple[Relation, ...] = ()
    details: dict[str, JsonValue] = {}


Level = Literal["document", "dataset"]
DoiLevel = Literal["atlas", "document", "dataset"]  # what a profile has rules for
Availability = Literal["ONLINE", "ARCHIVED", "RESTORING", "UNAVAILABLE", "LOST"]


AvailabilityDetail = Literal[
    "ONLINE", "PARTLY_ONLINE", "ARCHIVED", "RESTORING", "UNAVAILABLE", "LOST"
]
"""Availability; of an archived dataset, PARTLY_ONLINE if some of its files are online."""


def is_atlas(document_type: object) -> bool:
    """Whether a document of this type is an atlas, which has a page but is in no search index."""
    return str(document_type).strip().lower() == "atlas"


def doi_level(record: Dataset | Document) -> DoiLevel:
    """Returns the level that a profile's DOI rules use for the record."""
    if isinstance(record, Dataset):
        return "dataset"
    return "atlas" if is_atlas(record.type) else "document"


def row_doi_level(row: Mapping[str, Any]) -> DoiLevel:
    """Like doi_level, for a stored row with the fields `level` and `record`."""
    if row["level"] == "dataset":
        return "dataset"
    return "atlas" if is_atlas(row["record"].get("type")) else "document"


def pid_key(pid: str) -> str:
    """Returns a key for a pid that every store accepts: 40 hexadecimal digits."""
    return hashlib.sha256(pid.encode()).hexdigest()[:40]


def files_digest(files: list[File]) -> str:
    """Returns the SHA-256 of the sorted lines `location, size, sha256` of a file list."""
    lines = sorted(f"{f.location}\t{f.size}\t{f.sha256}\n" for f in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def utc_text(moment: datetime) -> str:
    """Returns an instant as the PaNOSC API writes it: 2026-11-23T08:00:00.000Z."""
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    )
