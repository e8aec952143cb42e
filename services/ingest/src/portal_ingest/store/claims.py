"""Claims jobs: leases with fencing numbers, several of them by few calls of the database.

Jobs that have a subject in common run in the order in which they arrived, others in parallel.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from portal_shared.runtime.mongo import ASCENDING, Collection, Doc, translate_errors
from portal_shared.runtime.telemetry.origin import Origin

FIRST_PAGE_JOBS = 32  # unfinished jobs loaded to find one that may run; mostly that is enough
MAX_PAGE_JOBS = 500
MAX_PAGES = 20
UNFINISHED = ("accepted", "working")


@dataclass(frozen=True)
class Claim:
    """A job leased to this replica."""

    job_id: str
    fence: int
    content: str
    profile: str
    origin: Origin
    attempts: int
    sender: str | None = None
    dropped: int = 0
    dropped_fields: tuple[str, ...] = ()


async def claim_jobs(
    jobs: Collection, contents: Collection, count: int, *, lease: timedelta
) -> list[Claim]:
    """Leases up to `count` jobs that may run now, the oldest first.

    A job that another replica leases at the same moment is left out.
    """
    now = datetime.now(UTC)
    with translate_errors():
        found = await _runnable(jobs, count, now)
        if not found:
            return []
        owner = str(uuid.uuid4())
        await jobs.update_many(
            {
                "_id": {"$in": found},
                "$or": [{"state": "accepted"}, {"state": "working", "until": {"$lt": now}}],
            },
            {
                "$set": {"state": "working", "owner": owner, "until": now + lease},
                "$inc": {"fence": 1},
            },
        )
        rows = jobs.find({"_id": {"$in": found}, "owner": owner}, {"replies": 0})
        leased = {row["_id"]: row async for row in rows}
        keys = {content_key(row["_id"], row["hash"]): row["_id"] for row in leased.values()}
        stored = contents.find({"_id": {"$in": list(keys)}})
        content_by_job = {keys[row["_id"]]: row["content"] async for row in stored}
    # a content that is missing is not JSON: the job fails and that counts as an attempt
    return [_claim(leased[one], content_by_job.get(one, "")) for one in found if one in leased]


def content_key(job_id: str, content_hash: str) -> str:
    """Returns the key of the content of a job."""
    return f"{job_id} {content_hash}"


async def _runnable(jobs: Collection, count: int, now: datetime) -> list[str]:
    """Returns the ids of the oldest jobs that may run, none of which share a subject."""
    busy: set[str] = set()
    found: list[str] = []
    after = -1
    for number in range(MAX_PAGES):
        size = MAX_PAGE_JOBS if number else FIRST_PAGE_JOBS
        rows = jobs.find(
            {"state": {"$in": UNFINISHED}, "seq": {"$gt": after}},
            {"subjects": 1, "state": 1, "until": 1, "not_before": 1, "seq": 1},
        )
        page = [row async for row in rows.sort("seq", ASCENDING).limit(size)]
        for row in page:
            if _is_free(row, now) and busy.isdisjoint(row["subjects"]):
                found.append(row["_id"])
                if len(found) == count:
                    return found
            busy.update(row["subjects"])
        if len(page) < size:
            break
        after = page[-1]["seq"]
    return found


def _is_free(row: Doc, now: datetime) -> bool:
    """Whether the job is not leased, and not postponed."""
    is_free = row["state"] == "accepted" or row["until"] < now
    is_postponed = row.get("not_before") and row["not_before"] > now
    return is_free and not is_postponed


def _claim(row: Doc, content: str) -> Claim:
    fields: Sequence[str] = row.get("dropped_fields", ())
    return Claim(
        job_id=row["_id"],
        fence=row["fence"],
        content=content,
        profile=row["profile"],
        origin=Origin.of_row({**row, "job_id": row["_id"]}),
        attempts=row["attempts"],
        sender=row.get("sender"),
        dropped=row.get("dropped", 0),
        dropped_fields=tuple(fields),
    )
