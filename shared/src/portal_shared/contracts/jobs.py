"""Ingest jobs, which data managers send to the queue `ingest.jobs`, and the answers to them.

The models extend those of the records, and refuse unknown fields by their name.
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

from portal_shared.contracts.moments import Moment
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
    """One dataset; `name` is its pid unless it has one."""

    name: Name
    pid: Pid | None = None
    title: Title
    is_public: bool = True
    created: Moment
    summary: str | None = None
    release_date: Moment | None = None  # not public before it
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
    folder: str | None = None  # of its files, below the intake folder
    files: tuple[FileIn, ...] = ()
    manifest: Name | None = None  # file in the folder, instead of `files`; lines as of sha256sum
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
    start_date: Moment | None = None
    end_date: Moment | None = None
    release_date: Moment | None = None
    license: str | None = None
    keywords: tuple[str, ...] = ()
    members: tuple[MemberIn, ...] = ()
    parameters: tuple[ParameterIn, ...] = ()
    funding: tuple[FundingIn, ...] = ()
    related: tuple[RelatedItemIn, ...] = ()
    relations: tuple[RelationIn, ...] = ()  # to records of this portal
    language: str | None = None
    other_datasets: tuple[Pid, ...] = ()  # its datasets that other jobs register
    documents: tuple[Pid, ...] = ()  # its parts that are documents
    details: dict[str, JsonValue] = {}


JobId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]
JobKind = Literal["register", "patch", "withdraw", "release"]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]


class PatchIn(StrictModel):
    """New values of fields of one record; null removes a value.

    `parameters.NAME` is one parameter, `details.GROUP` one part of the details.
    """

    pid: Pid
    fields: Annotated[dict[str, JsonValue], Field(min_length=1)]


class WithdrawalIn(StrictModel):
    pid: Pid
    reason: Reason  # public; shown in place of the record


class ReleaseIn(StrictModel):
    """Makes a record public now, whatever its release date."""

    pid: Pid


class Envelope(StrictModel):
    """The outer fields of a job; they must be valid before its parts are validated one by one."""

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
    """Registers a document with its datasets, datasets or instruments; or changes records."""

    version: Literal[1]
    job_id: JobId
    kind: JobKind = "register"
    profile: str | None = None
    sender: str | None = None  # contact for questions
    take_over: bool = False  # also records that others entered into ICAT
    document: DocumentIn | None = None
    datasets: tuple[DatasetIn, ...] = ()
    instruments: tuple[InstrumentIn, ...] = ()
    records: tuple[PatchIn | WithdrawalIn | ReleaseIn, ...] = ()  # of every kind except register


class AnswerModel(BaseModel):
    """Base of the answer's models: readers ignore unknown fields."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def _shortened(max_chars: int) -> AfterValidator:
    """Shortens a text: problems quote values of the job, which may be very long."""
    return AfterValidator(
        lambda text: text if len(text) <= max_chars else f"{text[: max_chars - 1]}…"
    )


class Problem(AnswerModel):
    """An error in a job, described so that its sender can correct it."""

    field: Annotated[str, _shortened(300)]
    reason: Annotated[str, _shortened(1000)]
    suggestion: Annotated[str, _shortened(200)] | None = None  # a likely correction


class Outcome(AnswerModel):
    """The result for one record of a job; `registered` also means a successful patch.

    `pid` is that of the record as it is now: of the new edition, if files changed.
    """

    kind: Literal["document", "dataset", "instrument"]
    name: str
    pid: str | None = None
    result: Literal["registered", "unchanged", "refused", "withdrawn", "released"]
    version: int | None = None
    supersedes: str | None = None  # the earlier dataset, if files changed
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


class JobAnswer(AnswerModel):
    job_id: str
    result: Literal["done", "partial", "refused"]
    outcomes: tuple[Outcome, ...] = ()
    problems: tuple[Problem, ...] = ()  # of the job as a whole
    dropped: int = 0  # number of private values, removed before anything was stored
    dropped_fields: tuple[str, ...] = ()  # where they were: names, never values
    finished_at: AwareDatetime | None = None  # when the job was judged
    repeated: bool = False  # the answer of an earlier run, as of `finished_at`
