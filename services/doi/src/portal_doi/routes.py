"""HTTP routes for operators, on the service's own port: single DOIs, and the audit of all DOIs."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from portal_shared.contracts.records import Level
from portal_shared.service.operator_access import require_operator
from pydantic import BaseModel, ConfigDict, Field

from portal_doi.minting.admin import OperatorActions
from portal_doi.minting.audit import Audit
from portal_doi.store.operator_store import OperatorStore

router = APIRouter(dependencies=[Depends(require_operator)])


class IdentifierRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=512)]  # pid or DOI
    level: Level | None = None  # of a pid that is not known yet; without it such a pid is refused


class PidList(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pids: Annotated[list[str], Field(max_length=1000)]


@router.get("/identifiers")
async def show(request: Request, id: Annotated[str, Query(min_length=1)]) -> dict[str, Any]:  # noqa: A002
    """Return the registry's rows of a pid or DOI."""
    actions: OperatorActions = request.app.state.operator_actions
    return {"identifiers": await actions.show(id)}


@router.post("/identifiers")
async def dois(request: Request, body: PidList) -> dict[str, str | None]:
    """Return the DOI of each of these records."""
    operator_store: OperatorStore = request.app.state.operator_store
    return await operator_store.dois(body.pids)


@router.post("/reserve")
async def reserve(request: Request, body: IdentifierRequest) -> dict[str, Any]:
    """Register a draft of the DOI of a pid."""
    actions: OperatorActions = request.app.state.operator_actions
    return await actions.reserve(body.id, body.level)


@router.post("/publish")
async def publish(request: Request, body: IdentifierRequest) -> dict[str, Any]:
    """Make a DOI findable."""
    actions: OperatorActions = request.app.state.operator_actions
    return await actions.publish(body.id)


@router.post("/hide")
async def hide(request: Request, body: IdentifierRequest) -> dict[str, Any]:
    """Make a public DOI registered: it resolves, and is not found any more."""
    actions: OperatorActions = request.app.state.operator_actions
    return await actions.hide(body.id)


@router.post("/say-again")
async def republish(request: Request, body: PidList) -> dict[str, int]:
    """Publish the latest event of these records again, for services that have lost it."""
    operator_store: OperatorStore = request.app.state.operator_store
    return {"events": await operator_store.republish(body.pids)}


@router.post("/audit/listed")
async def audit_listed(
    request: Request, run: str, cursor: str | None = None, *, repair: bool = False
) -> dict[str, Any]:
    """Compare one page of DataCite's list with the registry."""
    audit: Audit = request.app.state.audit
    return await audit.compare_listed(run, cursor, repair=repair)


@router.post("/audit/unlisted")
async def audit_unlisted(
    request: Request, run: str, after: str = "", *, repair: bool = False
) -> dict[str, Any]:
    """Compare one page of the registry's DOIs that DataCite's list did not contain."""
    audit: Audit = request.app.state.audit
    return await audit.compare_unlisted(run, after, repair=repair)
