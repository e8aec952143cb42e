"""An ingest job: what a data manager drops onto the queue `ingest.jobs`, and the answer to it.

The same models as the records, but closed: a field that is not known is refused by name.
"""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from portal_shared.model import (
    Affiliation,
    File,
    Instrument,
    Parameter,
    Person,
    Pid,
    Sample,
    Technique,
)

JOB_VERSION = 1
MAX_JOB_BYTES = 8_000_000

Name = Annotated[str, StringConstraints(min_length=1, max_length=255, strip_whitespace=True)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=10_000, strip_whitespace=True)]


class Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PersonIn(Person, extra="forbid"): ...


class AffiliationIn(Affiliation, extra="forbid"): ...


class InstrumentIn(Instrument, extra="forbid"): ...


class TechniqueIn(Technique, extra="forbid"): ...


class SampleIn(Sample, extra="forbid"): ...


class ParameterIn(Parameter, extra="forbid"): ...


class FileIn(File, extra="forbid"): ...


class MemberIn(Closed):
    role: str | None = None
    roles: tuple[str, ...] = ()
    person: PersonIn | None = None
    affiliation: AffiliationIn | None = None


class DatasetIn(Closed):
    """One dataset; without a pid it is given `name` as its pid."""

    name: Name
    pid: Pid | None = None
    title: Title
    is_public: bool = True
    created: AwareDatetime
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
    details: dict[str, JsonValue] = {}


class DocumentIn(Closed):
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
    other_datasets: tuple[Pid, ...] = ()  # of its datasets, those that other jobs register
    details: dict[str, JsonValue] = {}


class Envelope(Closed):
    """What must be right for a job to have an answer at all: the rest is judged part by part."""

    version: Literal[1]
    job_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]
    kind: Literal["register"] = "register"
    profile: str | None = None
    sender: str | None = None
    document: dict[str, Any] | None = None
    datasets: list[Any] = []
    instruments: list[Any] = []


class RegisterJob(Closed):
    """A document with its datasets; or datasets without one; or instruments."""

    version: Literal[1]
    job_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]
    kind: Literal["register"] = "register"
    profile: str | None = None
    sender: str | None = None  # who to ask about it
    document: DocumentIn | None = None
    datasets: tuple[DatasetIn, ...] = ()
    instruments: tuple[InstrumentIn, ...] = ()


class Problem(Closed):
    """What is wrong with a job, said so that its sender can mend it."""

    field: str
    reason: str


class Outcome(Closed):
    """What became of one record of a job."""

    kind: Literal["document", "dataset", "instrument"]
    name: str
    pid: str | None = None
    result: Literal["registered", "unchanged", "refused"]
    version: int | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


class JobAnswer(Closed):
    job_id: str
    result: Literal["done", "partial", "refused"]
    outcomes: tuple[Outcome, ...] = ()
    problems: tuple[Problem, ...] = ()  # of the job as a whole
