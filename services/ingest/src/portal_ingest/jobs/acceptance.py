"""Accepts the message of a job: stores it as a job to run, or as a refusal with its reason."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
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
from portal_shared.validation.job_parser import parse_envelope, parse_job
from portal_shared.validation.redaction import redact, shown_places
from portal_shared.validation.validator import too_many_records

from portal_ingest.store.jobs import JobStore, NewJob, ReplyTo
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


async def accept(
    body: bytes,
    reply: ReplyTo | None,
    *,
    jobs: JobStore,
    records: RecordStore,
    profile: str,
    dropped_before: Sequence[str] = (),
) -> bool:
    """Stores the job, or stores and sends its refusal; returns whether there is a job to run.

    `dropped_before`: fields with private values that were removed on the way to the queue. Raises
    Unavailable if neither could be stored.
    """
    job: dict[str, Any] = {}
    try:
        job = await asyncio.to_thread(parse_job, body)
        head = parse_envelope(job)
        community = profiles.load(head.profile or profile)
        new = await asyncio.to_thread(_new_job, job, head, community, dropped_before)
    except PortalError as error:
        await _refuse(body, error, reply, jobs=jobs, job_id=job.get("job_id"))
        return False
    new = replace(new, subjects=sorted(await subjects(head, records)))
    if new.dropped:
        log.warning("private values dropped", job_id=head.job_id, dropped=new.dropped)
    earlier = await jobs.accept(new, reply)
    if earlier is None or await jobs.reopen(earlier, new, reply):
        log.info("job accepted", job_id=head.job_id, datasets=len(head.datasets))
        return True
    await _answer_repeated(earlier, new, reply, jobs)
    return False


def _new_job(
    job: dict[str, Any], head: Envelope, profile: Profile, dropped_before: Sequence[str]
) -> NewJob:
    """Returns the job without private values. A large one takes seconds: run it in a thread.

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


async def subjects(job: Envelope, records: RecordStore) -> set[str]:
    """Returns what the job is about; jobs that share a subject run in order.

    Subjects are the job's records, by pid or name, and the documents that these belong to as far
    as they are registered. Documents that an earlier job in the queue is about to register share
    the pids of their datasets.
    """
    pids: set[str] = set()
    for part in (job.document, *job.datasets, *job.records):
        if isinstance(part, dict):
            given = [cast("dict[str, Any]", part).get(label) for label in ("pid", "name")]
            texts = [v[:MAX_PID_CHARACTERS] for v in given if isinstance(v, str) and v]
            pids.update(texts[:1])
    looked_up = sorted(pids)[:MAX_LOOKUP_PIDS]
    documents = await records.documents_of(looked_up) if pids else set[str]()
    return pids | documents or {job.job_id}


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
        log.warning("job refused", job_id=job.job_id, reason=reason)
        await jobs.send_answer(refusal, reply)
    elif reply is not None:
        await jobs.add_reply(job.job_id, reply)


async def _refuse(
    body: bytes, error: PortalError, reply: ReplyTo | None, *, jobs: JobStore, job_id: Any
) -> None:
    given = job_id[:MAX_JOB_ID_CHARACTERS] if isinstance(job_id, str) and job_id else None
    problem = Problem(field=error.field or "job", reason=error.reason)
    answer = await jobs.refuse(body, problem, job_id=given, reply=reply)
    log.warning("job refused", job_id=answer.job_id, field=problem.field, reason=problem.reason)
