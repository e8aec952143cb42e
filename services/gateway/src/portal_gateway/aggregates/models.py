"""The answers of /api/totals, /api/organs, /api/donors, /api/people and /api/proposals."""

from pydantic import BaseModel

from portal_gateway.records.models import FieldGroup, PersonView, RecordLink
from portal_gateway.results.models import Card


class ValueCount(BaseModel):
    value: str
    label: str
    count: int  # datasets
    search: str  # the query string that finds them


class VoxelRange(BaseModel):
    min_um: float
    max_um: float


class Summary(BaseModel):
    """Sums over public datasets."""

    datasets: int
    overviews: int
    zooms: int
    donors: int
    organs: int
    people: int
    bytes: int  # of all files
    full_bytes: int  # of the whole volumes as the records say, without compression
    voxels: VoxelRange | None = None
    search: str  # the query string that finds the datasets
    by_organ: list[ValueCount] = []
    by_year: list[ValueCount] = []


class Totals(Summary):
    """The whole portal."""

    newest: list[Card]


class OrganSummary(Summary):
    value: str
    label: str
    plural: str | None = None
    link: str | None = None


class OrganList(BaseModel):
    organs: list[OrganSummary]


class DonorSummary(Summary):
    donor: str
    pathology: list[ValueCount] = []


class DonorList(BaseModel):
    donors: list[DonorSummary]


class DonorView(DonorSummary):
    """What is recorded of a donor, and the datasets by organ."""

    groups: list[FieldGroup]
    documents: list[RecordLink]
    overviews_first: list[Card]  # all datasets, overviews first


class RoleCount(BaseModel):
    role: str
    count: int  # documents


class PersonRecord(Summary):
    """A person with all public datasets and documents."""

    id: str
    name: str
    orcid: str | None = None
    orcid_url: str | None = None
    roles: list[RoleCount]
    documents: list[RecordLink]


class ProposalView(Summary):
    number: str
    title: str | None = None
    document: RecordLink | None = None
    people_list: list[PersonView] = []
