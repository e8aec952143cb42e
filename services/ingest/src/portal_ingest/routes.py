"""HTTP on ingest's own port, for operators and data managers: jobs, histories, DOIs in ICAT."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, HTTPException, Query, Request
from portal_shared.service.operator_access import require_operator

from portal_ingest.dois.audit import DoiAudit
from portal_ingest.records.republisher import Republisher
from portal_ingest.store.dois import PROBLEM, DoiStore
from portal_ingest.store.jobs import JobStore
from portal_ingest.store.records import RecordStore

router = APIRouter(dependencies=[Depends(require_operator)])
JOB_FIELDS = (
    "state",
    "profile",
    "sender",
    "datasets",
    "received_at",
    "finished_at",
    "dropped",
    "dropped_fields",
    "waiting_for",
)


@router.get("/jobs")
async def list_jobs(
    request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 50
) -> dict[str, Any]:
    """Returns the latest jobs, newest first, without their outcomes."""
    jobs: JobStore = request.app.state.jobs
    return {"jobs": [_job_view(row) for row in await jobs.latest(limit)]}


@router.get("/jobs/{job_id:path}")
async def show_job(request: Request, job_id: str) -> dict[str, Any]:
    """Returns one job with its outcomes and the present DOIs of its records."""
    jobs: JobStore = request.app.state.jobs
    dois: DoiStore = request.app.state.dois
    row = await jobs.find(job_id)
    if row is None:
        raise HTTPException(404, f"no job with job_id {job_id!r}")
    job = _job_view(row)
    answer: dict[str, Any] = job.get("answer") or {}
    outcomes: list[dict[str, Any]] = answer.get("outcomes", [])
    facts = await dois.find([o["pid"] for o in outcomes if o.get("pid")])
    for outcome in outcomes:
        doi = facts.get(outcome.get("pid") or "", {})
        outcome["doi"] = doi.get("doi")
        outcome["doi_problem"] = doi.get("doi_problem")
        outcome["icat_problem"] = doi.get(PROBLEM)
    return job


@router.get("/records/{pid:path}/history")
async def show_history(request: Request, pid: str) -> dict[str, Any]:
    """Returns every version of a record: who, when, by which job, old and new values."""
    records: RecordStore = request.app.state.records
    record = await records.find(pid)
    if record is None or record.version == 0:
        raise HTTPException(404, f"no record with pid {pid!r}")
    return {
        "pid": pid,
        "kind": record.kind,
        "version": record.version,
        "superseded_by": record.superseded_by,
        "withdrawn": record.withdrawn,
        "release_at": record.release_at,
        "history": record.history,
    }


@router.post("/republish")
async def republish(request: Request) -> dict[str, int]:
    """Publishes the state of every record again, to rebuild other services from it."""
    republisher: Republisher = request.app.state.republisher
    return {"events": await republisher.run()}


@router.get("/dois")
async def list_dois(request: Request, after: str = "") -> dict[str, Any]:
    """Returns the DOIs of records as ingest and as ICAT have them, one page at a time."""
    audit: DoiAudit = request.app.state.doi_audit
    return await audit.page(after)


@router.post("/dois/mend")
async def write_dois_again(
    request: Request, pids: Annotated[list[str], Body(embed=True, max_length=1000)]
) -> dict[str, int]:
    """Writes the DOIs of these records to ICAT again and returns how many."""
    audit: DoiAudit = request.app.state.doi_audit
    return {"told": await audit.write_again(pids)}


def _job_view(row: dict[str, Any]) -> dict[str, Any]:
    fields = {k: row[k] for k in JOB_FIELDS if k in row}
    return {"job_id": row["_id"], **fields, "answer": row.get("answer")}
