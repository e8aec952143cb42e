"""Jobs as MongoDB stores them: the fields of a row and the writes of its changes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from portal_shared.contracts.jobs import JobAnswer
from portal_shared.runtime.mongo import Doc, ReplaceOne, UpdateOne
from portal_shared.runtime.telemetry.origin import Origin, current_origin

from portal_ingest.store.claims import content_key


@dataclass(frozen=True)
class ReplyTo:
    """The queue that an answer goes to; the field names are those in MongoDB."""

    queue: str
    correlation: str


@dataclass(frozen=True)
class NewJob:
    job_id: str
    subjects: Sequence[str]  # jobs that share one run in order
    kind: str
    profile: str
    sender: str | None
    content: str  # the job as JSON
    content_hash: str
    dropped: int  # private values
    dropped_fields: Sequence[str]  # where they were
    datasets: int  # or records
    origin: Origin = field(default_factory=Origin)  # without a correlation id: that of the caller


def new_row(job: NewJob, seq: int, reply: ReplyTo | None) -> Doc:
    origin = job.origin if job.origin.correlation_id else current_origin()
    return {
        "_id": job.job_id,
        "subjects": list(job.subjects),
        "kind": job.kind,
        "profile": job.profile,
        "sender": job.sender,
        "hash": job.content_hash,
        "correlation_id": origin.correlation_id,
        **({"traceparent": origin.traceparent} if origin.traceparent else {}),
        "dropped": job.dropped,
        "dropped_fields": list(job.dropped_fields),
        "datasets": job.datasets,
        "seq": seq,
        "state": "accepted",
        "received_at": datetime.now(UTC),
        "replies": [vars(reply)] if reply else [],
        "fence": 0,
        "attempts": 0,
    }


def content_write(job: NewJob) -> ReplaceOne[Doc]:
    key = content_key(job.job_id, job.content_hash)
    return ReplaceOne({"_id": key}, {"content": job.content}, upsert=True)


def finishing_update(row: Doc, answer: JobAnswer) -> UpdateOne:
    values: Doc = {
        "state": "finished",
        "finished_at": answer.finished_at,
        "answer": answer.model_dump(mode="json"),
        "result": answer.result,
    }
    return UpdateOne(
        {"_id": row["_id"], "fence": row["fence"], "state": "working"},
        {"$set": values, "$unset": {"waiting_for": ""}},
    )
