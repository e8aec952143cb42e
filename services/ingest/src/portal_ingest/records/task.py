"""The context of a running job, and the builders of its outcomes."""

from dataclasses import dataclass, field
from typing import Any, Literal

from portal_shared.contracts.jobs import DocumentIn, Outcome, Problem
from portal_shared.profile import Profile
from portal_shared.validation.validator import Kind, Part, limit_problems
from pydantic import BaseModel

from portal_ingest.domain import versioning
from portal_ingest.domain.stored_record import StoredRecord
from portal_ingest.store.claims import Claim

Change = Literal["registered", "withdrawn", "released"]


@dataclass(frozen=True)
class Task:
    claim: Claim
    profile: Profile
    take_over: bool = False
    document: DocumentIn | None = None  # the document that the datasets are registered with
    instruments: dict[str, StoredRecord] = field(default_factory=dict)  # of this job, by pid
    public_datasets: set[str] = field(default_factory=set[str])  # pids that this job stored

    def next_version(
        self,
        old: StoredRecord | None,
        kind: Kind,
        pid: str,
        record: BaseModel,
        *,
        why: versioning.ChangeKind | None = None,
        **fields: Any,
    ) -> StoredRecord:
        """Returns the next version of a record, made by this job; see versioning.next_version."""
        return versioning.next_version(
            old,
            kind,
            pid,
            record,
            job_id=self.claim.job_id,
            sender=self.claim.sender,
            why=why,
            **fields,
        )

    def changed(
        self,
        stored: StoredRecord,
        record: BaseModel,
        *,
        why: versioning.ChangeKind | None = None,
        **fields: Any,
    ) -> StoredRecord:
        """Returns the next version of a stored record, made by this job."""
        return self.next_version(stored, stored.kind, stored.pid, record, why=why, **fields)

    def unchanged(
        self,
        part: Part,
        pid: str,
        stored: StoredRecord,
        *,
        supersedes: str | None = None,
        change: Change = "registered",
    ) -> Outcome:
        """Returns the outcome of a part that is stored already.

        It counts as changed if an earlier run of this job stored it.
        """
        changed = stored.job_id == self.claim.job_id
        return outcome(
            part, pid, stored.version, changed=changed, supersedes=supersedes, change=change
        )


def pid_conflict(old: StoredRecord | None, kind: Kind, field: str) -> Problem | None:
    """Returns why the pid cannot be used for a record of that kind, if it cannot."""
    if old is None or old.version == 0:
        return None
    if old.kind != kind:
        reason = f"{old.pid!r} is already the pid of a {old.kind}; choose another pid"
        return Problem(field=field, reason=reason)
    if old.withdrawn is not None:
        return Problem(field=field, reason=withdrawn_reason(old, "choose another pid"))
    return None


def withdrawn_reason(record: StoredRecord, advice: str) -> str:
    assert record.withdrawn is not None  # noqa: S101  # the caller checked it
    return f"{record.pid!r} was withdrawn ({record.withdrawn['reason']}); {advice}"


def refusal(part: Part, *problems: Problem) -> Outcome:
    """Returns the outcome of a part that is refused for its own and these problems."""
    return Outcome(
        kind=part.kind,
        name=part.name,
        result="refused",
        problems=tuple(limit_problems([*part.problems, *problems], part.name)),
        warnings=tuple(part.warnings),
    )


def outcome(
    part: Part,
    pid: str,
    version: int,
    *,
    changed: bool,
    supersedes: str | None = None,
    change: Change = "registered",
) -> Outcome:
    """Returns the outcome of a part that is changed, in the word `change`, or unchanged."""
    return Outcome(
        kind=part.kind,
        name=part.name,
        pid=pid,
        result=change if changed else "unchanged",
        version=version,
        supersedes=supersedes,
        warnings=tuple(part.warnings),
    )
