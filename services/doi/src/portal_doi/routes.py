"""For operators, on doi's own port: one DOI, and the audit of all."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from portal_shared.contracts.records import Level
from pydantic import BaseModel, ConfigDict, Field

from portal_doi.minting.admin import Operating
from portal_doi.minting.audit import Auditing
from portal_doi.store.registry import Registry

router = APIRouter()


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=512)]  # pid or DOI
    level: Level = "dataset"  # of a pid that is not known yet


class Names(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pids: Annotated[list[str], Field(max_length=1000)]


@router.get("/identifiers")
async def show(request: Request, id: Annotated[str, Query(min_length=1)]) -> dict[str, Any]:  # noqa: A002
    """What the registry knows of a pid or DOI."""
    operating: Operating = request.app.state.operating
    return {"identifiers": await operating.show(id)}


@router.post("/identifiers")
async def dois(request: Request, names: Names) -> dict[str, str | None]:
    """The DOI of each of these records."""
    registry: Registry = request.app.state.registry
    return await registry.dois(names.pids)


@router.post("/reserve")
async def reserve(request: Request, wish: Wish) -> dict[str, Any]:
    operating: Operating = request.app.state.operating
    return await operating.reserve(wish.id, wish.level)


@router.post("/publish")
async def publish(request: Request, wish: Wish) -> dict[str, Any]:
    operating: Operating = request.app.state.operating
    return await operating.publish(wish.id)


@router.post("/hide")
async def hide(request: Request, wish: Wish) -> dict[str, Any]:
    operating: Operating = request.app.state.operating
    return await operating.hide(wish.id)


@router.post("/say-again")
async def say_again(request: Request, names: Names) -> dict[str, int]:
    """Say the DOIs of these records once more, for who has lost them."""
    registry: Registry = request.app.state.registry
    return {"events": await registry.say_again(names.pids)}


@router.post("/audit/listed")
async def audit_listed(
    request: Request, run: str, cursor: str | None = None, *, repair: bool = False
) -> dict[str, Any]:
    auditing: Auditing = request.app.state.auditing
    return await auditing.listed(run, cursor, repair=repair)


@router.post("/audit/unlisted")
async def audit_unlisted(
    request: Request, run: str, after: str = "", *, repair: bool = False
) -> dict[str, Any]:
    auditing: Auditing = request.app.state.auditing
    return await auditing.unlisted(run, after, repair=repair)
