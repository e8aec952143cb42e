"""Route /api/records/{pid}/usage: how often a dataset was seen and downloaded."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi import Path as InPath
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger

from portal_gateway.errors import MODEL_NOT_FOUND, ResourceNotFound
from portal_gateway.http import responses
from portal_gateway.http.problem_docs import problems
from portal_gateway.records.loader import RecordLoader
from portal_gateway.usage.counter import UsageCounter
from portal_gateway.usage.models import MonthOfUse, UsageView
from portal_gateway.usage.store import UsageStore

log = logger(__name__)


@asynccontextmanager
async def _last_counts(app: FastAPI) -> AsyncGenerator[None]:
    """Stores what was counted last before the service ends."""
    yield
    counter: UsageCounter = app.state.usage
    try:
        await counter.store()
    except Unavailable as error:
        log.warning("counts of use are lost", reason=error.reason)


router = APIRouter(tags=["site"], lifespan=_last_counts)


@router.get(
    "/api/records/{pid:path}/usage",
    response_model=UsageView,
    responses=problems(400, 404, 410, 503),
)
async def show_usage(
    request: Request, pid: Annotated[str, InPath(description="Pid, DOI or name of a dataset")]
) -> Response:
    """Show how often a dataset was seen and downloaded, by month, and what is counted."""
    records: RecordLoader = request.app.state.records
    level, row = await records.find(pid)
    if level != "dataset":
        raise ResourceNotFound("Only uses of datasets are counted", code=MODEL_NOT_FOUND)
    store: UsageStore = request.app.state.usage_store
    rows, since = await asyncio.gather(store.load(row["_id"]), store.begin())
    months = [
        MonthOfUse(month=r["month"], views=r.get("views", 0), downloads=r.get("downloads", 0))
        for r in rows
    ]
    view = UsageView(
        pid=row["_id"],
        since=since,
        views=sum(one.views for one in months),
        downloads=sum(one.downloads for one in months),
        months=months,
    )
    headers = {"cache-control": "no-cache"}
    return responses.content_response(request, view.model_dump_json().encode(), headers=headers)
