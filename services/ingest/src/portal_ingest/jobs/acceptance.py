"""Accepts the message of a job: stores it as a job to run, or as a refusal with its reason."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

from faststream.rabbit.annotations import RabbitMessage
from portal_shared import profile as profiles
from portal_shared.contracts.jobs import Envelope, JobAnswer, Problem
from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.hashes import content_hash
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import Doc
from portal_shared.validation.job_parser import parse_envelope, parse_job
from portal_shared.validation.redaction import redact

from portal_ingest.store.jobs import JobStore, NewJob, ReplyTo
from portal_ingest.store.records import RecordStore

log = logger(__name__)

MAX_LOOKUP_PIDS = 1000  # records of a job whose documents are looked up
MAX_PID_CHARACTERS = 255
MAX_JOB_ID_CHARACTERS = 128


async def raw_body(
    message: RabbitMessage, _decode: Callable[[RabbitMessage], Awaitable[Any]]
) -> bytes:
    """Decodes nothing: a body that is not JSON gets an answer instead of being dropped."""
    return message.body


async def accept(
    body: bytes, reply: ReplyTo | None, *, jobs: JobStore, records: RecordStore, profile: str
) -> bool:
    """Stores the job, or stores and sends its refusal; returns whether there is a new job to run.

    Raises Unavailable if neither could be stored.
    """
    job_id: Any = None
    try:
        job = parse_job(body)
        job_id = job.get("job_id")
        head = parse_envelope(job)
        community = profiles.load(head.profile or profile)
    except PortalError as error:
        await _refuse(body, error, reply, jobs=jobs, job_id=job_id)
        return False
    public, dropped = redact(job, community)
    if dropped:
        log.warning("private values dropped", job_id=head.job_id, dropped=dropped)
    new = NewJob(
        job_id=head.job_id,
        subjects=sorted(await subjects(head, records)),
        kind=head.kind,
        profile=community.name,
        sender=head.sender,
        content=json.dumps(public, ensure_ascii=False),
        content_hash=content_hash(public),
        dropped=dropped,
        datasets=len(head.datasets) or len(head.records),
    )
    earlier = await jobs.accept(new, reply)
    if earlier is None:
        log.info("job accepted", job_id=head.job_id, datasets=len(head.datasets))
        return True
    await _answer_repeated(earlier, new, reply, jobs)
    return False


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
