"""For operators and data managers, on ingest's own port: jobs with their answers; say it again."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Query, Request

from portal_ingest.dois.audit import DoiAudit
from portal_ingest.records import events as saying
from portal_ingest.store.jobs import JobLog
from portal_ingest.store.records import Registry

router = APIRouter()
BATCH = 50


@router.get("/jobs")
async def list_jobs(
    request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 50
) -> dict[str, Any]:
    """The latest jobs, newest first, without their outcomes."""
    jobs: JobLog = request.app.state.jobs
    return {"jobs": [_told(row) for row in await jobs.latest(limit)]}


@router.get("/jobs/{job_id}")
async def show_job(request: Request, job_id: str) -> dict[str, Any]:
    """One job with its outcomes, and what became of the DOIs since."""
    jobs: JobLog = request.app.state.jobs
    registry: Registry = request.app.state.registry
    row = await jobs.find(job_id)
    if row is None:
        raise HTTPException(404, f"no job {job_id!r}")
    told = _told(row)
    answer: dict[str, Any] = told.get("answer") or {}
    outcomes: list[dict[str, Any]] = answer.get("outcomes", [])
    facts = await registry.doi_facts([o["pid"] for o in outcomes if o.get("pid")])
    for outcome in outcomes:
        known = facts.get(outcome.get("pid") or "", {})
        outcome["doi"] = known.get("doi")
        outcome["doi_problem"] = known.get("doi_problem")
    return told


@router.get("/records/{pid:path}/history")
async def history(request: Request, pid: str) -> dict[str, Any]:
    """Every version of a record: who, when, by which job, and what each field was and is."""
    registry: Registry = request.app.state.registry
    stored = await registry.find(pid)
    if stored is None or stored.version == 0:
        raise HTTPException(404, f"no record {pid!r}")
    return {
        "pid": pid,
        "kind": stored.kind,
        "version": stored.version,
        "superseded_by": stored.superseded_by,
        "withdrawn": stored.withdrawn,
        "release_at": stored.release_at,
        "history": stored.history,
    }


@router.post("/republish")
async def republish(request: Request) -> dict[str, int]:
    """Say every record's state again, so that what was lost elsewhere can be built anew."""
    registry: Registry = request.app.state.registry
    after, said = "", 0
    while batch := await registry.batch_after(after, BATCH):
        for stored in batch:
            events = [saying.event(stored), *await registry.listing(stored.pid)]
            await registry.say_again(events)
            said += len(events)
        after = batch[-1].pid
    return {"events": said}


@router.get("/dois")
async def dois(request: Request, after: str = "") -> dict[str, Any]:
    """The DOIs of records as ingest was told them and as ICAT has them, a page at a time."""
    audit: DoiAudit = request.app.state.doi_audit
    return await audit.page(after)


@router.post("/dois/mend")
async def mend_dois(
    request: Request, pids: Annotated[list[str], Body(embed=True, max_length=1000)]
) -> dict[str, int]:
    """Tell ICAT the DOIs of these records once more."""
    audit: DoiAudit = request.app.state.doi_audit
    return {"told": await audit.mend(pids)}


def _told(row: dict[str, Any]) -> dict[str, Any]:
    shown = ("state", "profile", "sender", "datasets", "received_at", "finished_at", "dropped")
    return {"job_id": row["_id"], **{k: row[k] for k in shown if k in row},
            "answer": row.get("answer")}  # fmt: skip
