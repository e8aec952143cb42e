"""Accepts the message of a job: stores it as a job to run, or as a refusal with its reason."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from faststream.rabbit.annotations import RabbitMessage
from portal_shared import profile as profiles
from portal_shared.contracts.jobs import Envelope, JobAnswer, Problem
from portal_shared.messaging import topology
from portal_shared.profile import Profile
from portal_shared.runtime.errors import Invalid, PortalError
from portal_shared.runtime.hashes import content_hash
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import Doc
from portal_shared.runtime.telemetry.origin import Origin, resume
from portal_shared.validation.job_parser import parse_envelope, parse_job
from portal_shared.validation.redaction import redact, shown_places
from portal_shared.validation.validator import too_many_records

from portal_ingest.store.job_rows import NewJob, ReplyTo
from portal_ingest.store.jobs import JobStore
from portal_ingest.store.records import RecordStore

log = logger(__name__)

MAX_LOOKUP_PIDS = 1000  # records of a job whose documents are looked up
MAX_PID_CHARACTERS = 255
MAX_JOB_ID_CHARACTERS = 128


def dropped_before(headers: Mapping[str, Any]) -> list[str]:
    """Returns the private fields that the sender of a message removed from it, by its header."""
    try:
        found: Any = json.loads(str(headers.get(topology.DROPPED_HEADER) or "[]"))
    except ValueError:
        return []
    return [str(name) for name in cast("list[Any]", found)] if isinstance(found, list) else []


async def raw_body(
    message: RabbitMessage, _decode: Callable[[RabbitMessage], Awaitable[Any]]
) -> bytes:
    """Decodes nothing: a body that is not JSON gets an answer instead of being dropped."""
    return message.body


@dataclass(frozen=True)
class JobMessage:
    """A message of the queue of jobs."""

    body: bytes
    reply: ReplyTo | None
    origin: Origin
    dropped_before: Sequence[str] = ()  # private values that were removed on the way to the queue


@dataclass(frozen=True)
class _Read:
    """A message that contains a job."""

    message: JobMessage
    job: NewJob
    pids: Sequence[str]  # of the records that it is about


@dataclass(frozen=True)
class _Refused:
    """A message that contains none, and why."""

    message: JobMessage
    error: PortalError
    job_id: object


class Acceptance:
    """Stores jobs in the order of their messages, those that come together by a few calls."""

    def __init__(self, jobs: JobStore, records: RecordStore, profile: str) -> None:
        self._jobs = jobs
        self._records = records
        self._profile = profile

    async def accept(self, messages: Sequence[JobMessage]) -> list[bool]:
        """Stores the jobs, or stores and sends their refusals; returns which are to run.

        Raises Unavailable if that failed; what was stored is found when it is repeated.
        """
        found = await asyncio.to_thread(self._read_all, messages)
        read = [one for one in found if isinstance(one, _Read)]
        documents = await self._documents_by_member([one.pids for one in read])
        jobs: list[tuple[NewJob, ReplyTo | None]] = []
        for one in read:
            subjects = _subjects(one.job.job_id, one.pids, documents)
            job = replace(one.job, subjects=subjects, origin=one.message.origin)
            jobs.append((job, one.message.reply))
        runnable = iter([is_new for part in _with_different_ids(jobs)
                         for is_new in await self._store(part)])  # fmt: skip
        for one in found:
            if isinstance(one, _Refused):
                await _refuse(one, jobs=self._jobs)
        return [isinstance(one, _Read) and next(runnable) for one in found]

    def _read_all(self, messages: Sequence[JobMessage]) -> list["_Read | _Refused"]:
        """Large jobs take seconds: run it in a thread."""
        return [_read(message, self._profile) for message in messages]

    async def _documents_by_member(self, pids: Sequence[Sequence[str]]) -> dict[str, set[str]]:
        looked_up = {pid for some in pids for pid in some[:MAX_LOOKUP_PIDS]}
        return await self._records.documents_by_member(sorted(looked_up)) if looked_up else {}

    async def _store(self, jobs: Sequence[tuple[NewJob, ReplyTo | None]]) -> list[bool]:
        """Stores jobs with different ids, in their order; returns which of them are to run."""
        known = await self._jobs.find_all([job.job_id for job, _ in jobs])
        runnable: list[bool] = []
        new: list[tuple[NewJob, ReplyTo | None]] = []
        for job, reply in jobs:
            earlier = known.get(job.job_id)
            if earlier is None:
                new.append((job, reply))
                runnable.append(True)
                continue
            await self._store_new(new)  # those before it come first
            new = []
            is_reopened = await self._jobs.reopen(earlier, job, reply)
            runnable.append(is_reopened)
            with resume(job.origin, "accept job", job_id=job.job_id):
                if is_reopened:
                    _log_accepted(job)
                else:
                    await _answer_repeated(earlier, job, reply, self._jobs)
        await self._store_new(new)
        return runnable

    async def _store_new(self, jobs: Sequence[tuple[NewJob, ReplyTo | None]]) -> None:
        if jobs:
            await self._jobs.store(jobs)
        for job, _ in jobs:
            with resume(job.origin, "accept job", job_id=job.job_id):
                _log_accepted(job)


def _log_accepted(job: NewJob) -> None:
    if job.dropped:
        log.warning("private values dropped", dropped=job.dropped)
    log.info("job accepted", datasets=job.datasets)


def _read(message: JobMessage, profile: str) -> _Read | _Refused:
    job: dict[str, Any] = {}
    try:
        job = parse_job(message.body)
        head = parse_envelope(job)
        new = _new_job(job, head, profiles.load(head.profile or profile), message.dropped_before)
    except PortalError as error:
        return _Refused(message, error, job.get("job_id"))
    return _Read(message, new, _pids(head))


def _new_job(
    job: dict[str, Any], head: Envelope, profile: Profile, dropped_before: Sequence[str]
) -> NewJob:
    """Returns the job without private values, and without its subjects.

    Raises Invalid if it has too many records.
    """
    if flood := too_many_records(head):
        raise Invalid(flood[0].reason, field=flood[0].field)
    public, found = redact(job, profile)
    dropped = [*dropped_before, *found]
    return NewJob(
        job_id=head.job_id,
        subjects=(),
        kind=head.kind,
        profile=profile.name,
        sender=head.sender,
        content=json.dumps(public, ensure_ascii=False),
        content_hash=content_hash(public),
        dropped=len(dropped),
        dropped_fields=shown_places(dropped),
        datasets=len(head.datasets) or len(head.records),
    )


def _pids(job: Envelope) -> list[str]:
    """Returns the pids or names of the job's records."""
    pids: set[str] = set()
    for part in (job.document, *job.datasets, *job.records):
        if isinstance(part, dict):
            given = [cast("dict[str, Any]", part).get(label) for label in ("pid", "name")]
            texts = [v[:MAX_PID_CHARACTERS] for v in given if isinstance(v, str) and v]
            pids.update(texts[:1])
    return sorted(pids)


def _subjects(
    job_id: str, pids: Sequence[str], documents: Mapping[str, Collection[str]]
) -> list[str]:
    """Returns what the job is about; jobs that share a subject run in order.

    Subjects are the job's records, by pid or name, and the documents that these belong to as far
    as they are registered. Documents that an earlier job in the queue is about to register share
    the pids of their datasets.
    """
    owners = {document for pid in pids for document in documents.get(pid, ())}
    return sorted({*pids, *owners} or {job_id})


def _with_different_ids(
    jobs: Sequence[tuple[NewJob, ReplyTo | None]],
) -> list[list[tuple[NewJob, ReplyTo | None]]]:
    """Returns the jobs in order, in parts: of two with the same id, one has to be stored first."""
    parts: list[list[tuple[NewJob, ReplyTo | None]]] = []
    ids: set[str] = set()
    for one in jobs:
        if not parts or one[0].job_id in ids:
            parts.append([])
            ids = set()
        parts[-1].append(one)
        ids.add(one[0].job_id)
    return parts


async def _answer_repeated(
    earlier: Doc, job: NewJob, reply: ReplyTo | None, jobs: JobStore
) -> None:
    """Sends the earlier job's answer to the same content, and a refusal to other content."""
    if earlier["hash"] != job.content_hash:
        reason = (
            f"job_id {job.job_id!r} was already used for a job with other content;"
            " choose a new job_id"
        )
        refusal = JobAnswer(
            job_id=job.job_id,
            result="refused",
            problems=(Problem(field="job_id", reason=reason),),
        )
        log.warning("job refused", reason=reason)
        await jobs.send_answer(refusal, reply)
    elif reply is not None:
        await jobs.add_reply(job.job_id, reply)


async def _refuse(refused: _Refused, *, jobs: JobStore) -> None:
    job_id, error = refused.job_id, refused.error
    given = job_id[:MAX_JOB_ID_CHARACTERS] if isinstance(job_id, str) and job_id else None
    problem = Problem(field=error.field or "job", reason=error.reason)
    message = refused.message
    with resume(message.origin, "refuse job"):
        answer = await jobs.refuse(message.body, problem, job_id=given, reply=message.reply)
        log.warning("job refused", job_id=answer.job_id, field=problem.field, reason=problem.reason)
