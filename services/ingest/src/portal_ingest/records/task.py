"""What the doing of a job hands around: the task, the next version of a record, outcomes."""

from dataclasses import dataclass, field, replace
from typing import Any

from portal_shared.contracts.jobs import DocumentIn, Outcome, Problem
from portal_shared.contracts.records import Dataset, Document
from portal_shared.profile import Profile
from portal_shared.runtime.mongo import Doc
from portal_shared.validation.validator import Kind, Part, few
from pydantic import BaseModel

from portal_ingest.domain import versioning
from portal_ingest.domain.mapping import content_hash
from portal_ingest.records import events
from portal_ingest.store.jobs import Claim
from portal_ingest.store.records import Saving, Stored


@dataclass(frozen=True)
class Task:
    claim: Claim
    profile: Profile
    take_over: bool = False
    document: DocumentIn | None = None  # that the datasets are registered with
    instruments: dict[str, Stored] = field(default_factory=dict)  # seen in this job, by pid


def following(
    old: Stored | None,
    kind: Kind,
    pid: str,
    record: BaseModel,
    claim: Claim,
    *,
    why: versioning.ChangeKind | None = None,
    **more: Any,
) -> Stored:
    """The next version of a record; `why` says what happened, if more than a change."""
    version = (old.version if old else 0) + 1
    before = record_of(old) if old and old.version else None
    line = versioning.entry(
        version,
        why or ("changed" if before else "registered"),
        job_id=claim.job_id,
        sender=claim.sender,
        changed=versioning.changes(before, record) if before else None,
    )
    fields: dict[str, Any] = {
        "icat_id": old.icat_id if old else None,
        "doi": old.doi if old else None,
        "withdrawn": old.withdrawn if old else None,
        "asked_public": old.asked_public if old else True,
        "release_at": old.release_at if old else None,
        "superseded_by": old.superseded_by if old else None,
        **more,
    }
    return Stored(
        pid=pid,
        kind=kind,
        version=version,
        hash=content_hash(record),
        job_id=claim.job_id,
        body=record.model_dump_json(),
        brought_doi=getattr(record, "doi", None),
        document=getattr(record, "document", None),
        datasets=getattr(record, "datasets", ()),
        history=(*(old.history if old else ()), line),
        **fields,
    )


def record_of(stored: Stored) -> Dataset | Document | None:
    """The record as it is kept; None of an instrument."""
    if stored.kind == "dataset":
        return Dataset.model_validate_json(stored.body)
    if stored.kind == "document":
        return Document.model_validate_json(stored.body)
    return None


def saving(stored: Stored) -> Saving:
    return Saving(stored, [events.event(stored)])


def with_line(stored: Stored, record: BaseModel, line: Doc, **more: Any) -> Stored:
    """The next version of a record that no job made."""
    return replace(
        stored,
        version=stored.version + 1,
        hash=content_hash(record),
        body=record.model_dump_json(),
        history=(*stored.history, line),
        **more,
    )


def unfit(old: Stored | None, kind: Kind, place: str) -> Problem | None:
    """Why a record of that pid cannot be registered."""
    if old is None or old.version == 0:
        return None
    if old.kind != kind:
        return Problem(field=place, reason=f"{old.pid!r} is the pid of a {old.kind}")
    if old.withdrawn is not None:
        reason = f"{old.pid!r} was withdrawn: {old.withdrawn['reason']}; give another pid"
        return Problem(field=place, reason=reason)
    return None


def refused(part: Part, *problems: Problem) -> Outcome:
    return Outcome(
        kind=part.kind,
        name=part.name,
        result="refused",
        problems=tuple(few([*part.problems, *problems], part.name)),
        warnings=tuple(part.warnings),
    )


def outcome(
    part: Part, pid: str, version: int, *, changed: bool, supersedes: str | None = None
) -> Outcome:
    return Outcome(
        kind=part.kind,
        name=part.name,
        pid=pid,
        result="registered" if changed else "unchanged",
        version=version,
        supersedes=supersedes,
        warnings=tuple(part.warnings),
    )
