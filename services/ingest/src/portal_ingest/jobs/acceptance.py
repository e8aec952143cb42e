"""A message becomes a job that is kept, or an answer that says why not."""

import hashlib
import json
from typing import Any, cast

from portal_shared import profile as profiles
from portal_shared.contracts.jobs import Envelope, JobAnswer, Problem
from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.logs import correlation_id, logger
from portal_shared.runtime.mongo import Doc
from portal_shared.validation.job_parser import content_hash, envelope, parsed
from portal_shared.validation.redaction import without_private

from portal_ingest.store.jobs import JobLog, ReplyTo
from portal_ingest.store.records import Registry

log = logger(__name__)

LOOKED_UP = 1000  # records whose documents are looked up


async def accept(
    body: bytes, reply: ReplyTo | None, *, jobs: JobLog, registry: Registry, profile: str
) -> bool:
    """Keep the job, or keep and send the refusal. True when there is new work.

    Raises Unavailable when it could be neither.
    """
    given: Any = None
    try:
        job = parsed(body)
        given = job.get("job_id")
        read = envelope(job)
        community = profiles.load(read.profile or profile)
    except PortalError as error:
        await _refuse(body, error, reply, jobs=jobs, given=given)
        return False
    job_id = read.job_id
    public, dropped = without_private(job, community)
    if dropped:
        log.warning("private values dropped", job_id=job_id, dropped=dropped)
    row: Doc = {
        "_id": job_id,
        "subjects": sorted(await subjects(read, registry)),
        "kind": read.kind,
        "profile": community.name,
        "sender": read.sender,
        "hash": content_hash(public),
        "correlation_id": correlation_id(),
        "dropped": dropped,
        "datasets": len(read.datasets) or len(read.records),
    }
    there = await jobs.accept(row, json.dumps(public, ensure_ascii=False), reply)
    if there is None:
        log.info("job accepted", job_id=job_id, datasets=len(read.datasets))
        return True
    await _again(there, row, reply, jobs)
    return False


async def subjects(job: Envelope, registry: Registry) -> set[str]:
    """What the job is about: jobs with one of these in common are done in order.

    Its records by pid and name, and the documents that these belong to as far as is known: what a
    job before it in the queue will register is known by the pids they share.
    """
    pids: set[str] = set()
    for part in (job.document, *job.datasets, *job.records):
        if isinstance(part, dict):
            given = [cast("dict[str, Any]", part).get(label) for label in ("pid", "name")]
            pids.update([v[:255] for v in given if isinstance(v, str) and v][:1])
    documents = await registry.documents_of(sorted(pids)[:LOOKED_UP]) if pids else set[str]()
    return pids | documents or {job.job_id}


async def _again(there: Doc, row: Doc, reply: ReplyTo | None, jobs: JobLog) -> None:
    """The same job again gets the same answer; another under its id is refused."""
    if there["hash"] != row["hash"]:
        reason = f"{row['_id']!r} was used before for another content; choose a new one"
        refusal = JobAnswer(
            job_id=row["_id"],
            result="refused",
            problems=(Problem(field="job_id", reason=reason),),
        )
        log.warning("job refused", job_id=row["_id"], reason=reason)
        await jobs.answer_now(refusal, reply)
    elif reply is not None:
        await jobs.answer_too(row["_id"], reply)


async def _refuse(
    body: bytes, error: PortalError, reply: ReplyTo | None, *, jobs: JobLog, given: Any
) -> None:
    """Nothing of the body is kept but its size and digest: it was not cleared of private values.

    Kept under an id of its own: the one it gives may be another job's.
    """
    digest = hashlib.sha256(body).hexdigest()
    own_id = f"refused-{digest[:16]}"
    told_id = given[:128] if isinstance(given, str) and given else own_id
    problem = Problem(field=error.field or "job", reason=error.reason)
    answer = JobAnswer(job_id=told_id, result="refused", problems=(problem,))
    log.warning("job refused", job_id=told_id, field=problem.field, reason=problem.reason)
    row: Doc = {
        "_id": own_id,
        "subjects": [],
        "seq": 0,
        "bytes": len(body),
        "hash": digest,
        "correlation_id": correlation_id(),
        "profile": None,
        "datasets": 0,
    }
    await jobs.refuse(row, answer, reply)
