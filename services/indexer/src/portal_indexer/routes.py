"""HTTP for operators: requests a rebuild of the search indexes and shows its state."""

from typing import Any

from fastapi import APIRouter, Depends, Request
from portal_shared.runtime.worker import Worker
from portal_shared.service.operator_access import require_operator

from portal_indexer.rebuild import Rebuild

router = APIRouter(dependencies=[Depends(require_operator)])


@router.post("/reindex", status_code=202)
async def request_rebuild(request: Request) -> dict[str, Any]:
    """Rebuilds the indexes from the catalogue while searches go on, then swaps them."""
    rebuild: Rebuild = request.app.state.rebuild
    worker: Worker = request.app.state.rebuild_worker
    state = await rebuild.request()
    worker.wake.set()
    return state


@router.get("/reindex")
async def rebuild_state(request: Request) -> dict[str, Any]:
    """Returns the state of the latest rebuild."""
    rebuild: Rebuild = request.app.state.rebuild
    return await rebuild.state()
