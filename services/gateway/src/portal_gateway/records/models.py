"""The answer of /api/records/{pid}."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from portal_gateway.labels.licences import Licence
from portal_gateway.results.models import Card


class FieldValue(BaseModel):
    """A value of the record with its label."""

    field: str
    label: str
    value: str | float | int
    value_label: str
    unit: str | None = None
    explanation: str | None = None
    link: str | None = None  # its term in a vocabulary
    search: str | None = None  # the query string that finds records with this value


class FieldGroup(BaseModel):
    group: str
    label: str
    fields: list[FieldValue]
    not_recorded: list[str]  # labels of fields of the group without a value


class PersonView(BaseModel):
    name: str
    given_name: str | None = None
    family_name: str | None = None
    orcid: str | None = None
    organisation: bool = False
    roles: list[str] = []
    affiliation: str | None = None
    ror: str | None = None
    page: str | None = None  # address of the person's page


class RecordLink(BaseModel):
    """Another public record."""

    pid: str
    level: Literal["dataset", "document"]
    type: str | None = None  # of a document
    title: str
    page: str
    doi: str | None = None


class OutsideLink(BaseModel):
    """A work outside of the portal."""

    relation: str
    identifier: str
    url: str | None = None
    title: str | None = None
    type: str | None = None


class Relations(BaseModel):
    """Related records, all public."""

    overview: Card | None = None  # that this zoom is registered to
    overview_not_public: str | None = None  # its name, if it is not public
    zooms: list[Card] = []  # registered to this overview
    siblings: list[Card] = []  # other zooms of the same overview
    same_donor: list[Card] = []  # overviews of other organs of the donor
    similar: list[Card] = []  # same organ, similar voxel size, other donors
    papers: list[OutsideLink] = []  # that describe the data or method
    cited_by: list[OutsideLink] = []
    others: list[OutsideLink] = []


class RegistrationView(BaseModel):
    """Where a zoom lies in its overview, in voxels of the overview along x, y, z."""

    state: str | None = None
    target: str | None = None  # name of the overview
    translation: list[float] | None = None
    rotation: float | None = None  # degrees
    scale: float | None = None
    box_start: list[float] | None = None
    box_end: list[float] | None = None
    overlay: str | None = None  # address of the overlay in the overview


class FilesSummary(BaseModel):
    count: int
    bytes: int
    formats: list[str]
    page: str  # of the site, that lists them
    pages_url: str  # in pages, with roles and sums of folders
    list_url: str
    data_url: str | None = None  # the folder with the files


class AvailabilityView(BaseModel):
    state: str | None = None
    label: str | None = None


class DownloadLinks(BaseModel):
    """Addresses and commands that work without an account."""

    archive: str | None = None  # all files in one ZIP
    metalink: str | None = None
    checksums: str | None = None
    thumbnail: str | None = None
    commands: list["Command"] = []


class Command(BaseModel):
    """A command to copy."""

    tool: str
    text: str


class FormatLink(BaseModel):
    """An export of the record."""

    name: str
    label: str
    media_type: str
    profile: str | None = None  # what the media type does not say
    href: str


class Sentences(BaseModel):
    """Sentences for papers."""

    citation: str  # APA
    methods: str | None = None
    availability: str


class TombstoneView(BaseModel):
    reason: str
    withdrawn_at: datetime


class TypedLink(BaseModel):
    """A link of the record's page: for its Link header and its <link> elements."""

    rel: str
    href: str
    type: str | None = None
    profile: str | None = None


class RecordView(BaseModel):
    """The public record of a dataset or document."""

    pid: str
    level: Literal["dataset", "document"]
    type: str | None = None  # of a document: publication, proposal, atlas
    name: str
    title: str  # in words
    citation_title: str  # as it is cited
    summary: str | None = None
    page: str
    doi: str | None = None
    doi_url: str | None = None
    doi_state: Literal["registered", "pending", "none"]
    version: int  # of the record: counts each change
    edition: int | None = None  # of a dataset: the version of its files, which citations have
    created: datetime | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    registered: datetime | None = None  # in the portal
    updated: datetime | None = None
    licence: Licence | None = None
    keywords: list[str] = []
    card: Card | None = None  # of a dataset
    groups: list[FieldGroup]
    not_recorded: list[str]
    people: list[PersonView]
    documents: list[RecordLink] = []  # that a dataset belongs to
    datasets: list[Card] = []  # of a document
    parts: list[RecordLink] = []  # documents of a document
    relations: Relations
    registration: RegistrationView | None = None
    files: FilesSummary | None = None
    availability: AvailabilityView
    downloads: DownloadLinks
    formats: list[FormatLink]
    sentences: Sentences
    supersedes: str | None = None
    superseded_by: str | None = None
    history_url: str
    timeline_url: str
    usage_url: str | None = None  # of a dataset: how often it was seen and downloaded
    publisher: str
    published: str | None = None  # date on which the record became available
    year: str | None = None  # of the citation
    links: list[TypedLink]
    link_header: str  # value of the Link header of the record's page
    warnings: list[str] = []  # remarks of the source on the record
