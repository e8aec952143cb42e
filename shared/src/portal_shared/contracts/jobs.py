"""An ingest job: what a data manager drops onto the queue `ingest.jobs`, and the answer to it.

The same models as the records, but closed: a field that is not known is refused by name.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
)

from portal_shared.contracts.records import (
    Affiliation,
    File,
    Funding,
    Instrument,
    Parameter,
    Person,
    Pid,
    RelatedItem,
    Relation,
    Sample,
    Technique,
)

JOB_VERSION = 1
MAX_JOB_BYTES = 8_000_000

Name = Annotated[str, StringConstraints(min_length=1, max_length=255, strip_whitespace=True)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=10_000, strip_whitespace=True)]


class StrictModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PersonIn(Person, extra="forbid"): ...


class AffiliationIn(Affiliation, extra="forbid"): ...


class InstrumentIn(Instrument, extra="forbid"): ...


class TechniqueIn(Technique, extra="forbid"): ...


class SampleIn(Sample, extra="forbid"): ...


class ParameterIn(Parameter, extra="forbid"): ...


class FileIn(File, extra="forbid"): ...


class FundingIn(Funding, extra="forbid"): ...


class RelatedItemIn(RelatedItem, extra="forbid"): ...


class RelationIn(Relation, extra="forbid"): ...


class MemberIn(StrictModel):
    role: str | None = None
    roles: tuple[str, ...] = ()
    person: PersonIn | None = None
    affiliation: AffiliationIn | None = None


class DatasetIn(StrictModel):
    """One dataset; without a pid it is given `name` as its pid."""

    name: Name
    pid: Pid | None = None
    title: Title
    is_public: bool = True
    created: AwareDatetime
    summary: str | None = None
    release_date: AwareDatetime | None = None  # not public before it
    proposal: Name | None = None
    doi: str | None = None
    size: Annotated[int, Field(ge=0)] | None = None
    license: str | None = None
    instrument: InstrumentIn | None = None
    techniques: tuple[TechniqueIn, ...] = ()
    samples: tuple[SampleIn, ...] = ()
    parameters: tuple[ParameterIn, ...] = ()
    members: tuple[MemberIn, ...] = ()
    keywords: tuple[str, ...] = ()
    folder: str | None = None  # below the intake root, where the files are
    files: tuple[FileIn, ...] = ()
    manifest: Name | None = None  # instead of files: lines as sha256sum writes them, in the folder
    funding: tuple[FundingIn, ...] = ()
    related: tuple[RelatedItemIn, ...] = ()
    relations: tuple[RelationIn, ...] = ()  # to records of this portal
    language: str | None = None
    details: dict[str, JsonValue] = {}


class DocumentIn(StrictModel):
    name: Name
    pid: Pid | None = None
    title: Title
    type: str = "publication"
    is_public: bool = True
    summary: str | None = None
    doi: str | None = None
    start_date: AwareDatetime | None = None
    end_date: AwareDatetime | None = None
    release_date: AwareDatetime | None = None
    license: str | None = None
    keywords: tuple[str, ...] = ()
    members: tuple[MemberIn, ...] = ()
    parameters: tuple[ParameterIn, ...] = ()
    funding: tuple[FundingIn, ...] = ()
    related: tuple[RelatedItemIn, ...] = ()
    relations: tuple[RelationIn, ...] = ()  # to records of this portal
    language: str | None = None
    other_datasets: tuple[Pid, ...] = ()  # of its datasets, those that other jobs register
    documents: tuple[Pid, ...] = ()  # its parts that are documents
    details: dict[str, JsonValue] = {}


JobId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]
JobKind = Literal["register", "patch", "withdraw", "release"]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]


class PatchIn(StrictModel):
    """Named fields of a named record: the new value, or null for none.

    `parameters.NAME` is one parameter, `details.GROUP` one part of the details.
    """

    pid: Pid
    fields: Annotated[dict[str, JsonValue], Field(min_length=1)]


class WithdrawalIn(StrictModel):
    pid: Pid
    reason: Reason  # public: it stands where the record was


class ReleaseIn(StrictModel):
    """Public now, whatever release date it was given."""

    pid: Pid


class Envelope(StrictModel):
    """What must be right for a job to have an answer at all: the rest is judged part by part."""

    version: Literal[1]
    job_id: JobId
    kind: JobKind = "register"
    profile: str | None = None
    sender: str | None = None
    take_over: bool = False
    document: dict[str, Any] | None = None
    datasets: list[Any] = []
    instruments: list[Any] = []
    records: list[Any] = []


class Job(StrictModel):
    """Register a document with its datasets, datasets alone, instruments; or change records."""

    version: Literal[1]
    job_id: JobId
    kind: JobKind = "register"
    profile: str | None = None
    sender: str | None = None  # who to ask about it
    take_over: bool = False  # also what ICAT holds already from others
    document: DocumentIn | None = None
    datasets: tuple[DatasetIn, ...] = ()
    instruments: tuple[InstrumentIn, ...] = ()
    records: tuple[PatchIn | WithdrawalIn | ReleaseIn, ...] = ()  # of all kinds but register


class AnswerModel(BaseModel):
    """Of an answer: readers ignore what they do not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def _shortened(most: int) -> AfterValidator:
    """Values of a job are repeated in what is told of it: not those of a million characters."""
    return AfterValidator(lambda text: text if len(text) <= most else f"{text[: most - 1]}…")


class Problem(AnswerModel):
    """What is wrong with a job, said so that its sender can mend it."""

    field: Annotated[str, _shortened(300)]
    reason: Annotated[str, _shortened(1000)]
    suggestion: Annotated[str, _shortened(200)] | None = None  # what was probably meant


class Outcome(AnswerModel):
    """What became of one record of a job; `registered`: its change is."""

    kind: Literal["document", "dataset", "instrument"]
    name: str
    pid: str | None = None
    result: Literal["registered", "unchanged", "refused"]
    version: int | None = None
    supersedes: str | None = None  # its files changed: the dataset before it
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


class JobAnswer(AnswerModel):
    job_id: str
    result: Literal["done", "partial", "refused"]
    outcomes: tuple[Outcome, ...] = ()
    problems: tuple[Problem, ...] = ()  # of the job as a whole
    dropped: int = 0  # private values, left out before anything was kept
