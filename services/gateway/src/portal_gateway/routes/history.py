"""GET /api/records/{pid}/history: the versions of a record, also of one that was withdrawn."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from portal_shared.contracts.records import Change
from portal_shared.runtime.mongo import Doc
from pydantic import BaseModel

from portal_gateway.catalogue import Catalogue
from portal_gateway.errors import NOT_FOUND, NothingThere
from portal_gateway.http import responses

router = APIRouter()
LEVELS: dict[Literal["dataset", "document"], str] = {"dataset": "datasets", "document": "documents"}


class Tombstone(BaseModel):
    """Why a record is public no more."""

    title: str
    reason: str
    withdrawn_at: datetime


class History(BaseModel):
    """Every version of a record: when, by which job, which fields."""

    pid: str
    level: Literal["dataset", "document"]
    doi: str | None
    version: int
    supersedes: str | None
    superseded_by: str | None
    withdrawn: Tombstone | None
    history: list[Change]


@router.get("/api/records/{pid:path}/history", response_model=History, tags=["records"])
async def history(
    request: Request,
    pid: Annotated[str, InPath(description="Persistent identifier or DOI of a record")],
) -> Response:
    """The versions of a public or withdrawn record, oldest first."""
    catalogue: Catalogue = request.app.state.catalogue
    for level, name in LEVELS.items():
        row = await catalogue.record(name, pid) or await catalogue.tombstone(name, pid)
        if row is not None:
            record: Doc = row.get("record") or {}
            told = History(
                pid=row["_id"],
                level=level,
                doi=row.get("told_doi"),
                version=row["version"],
                supersedes=record.get("supersedes"),
                superseded_by=record.get("superseded_by"),
                withdrawn=row.get("withdrawn"),
                history=row.get("history") or [],
            )
            return responses.told(request, told.model_dump(mode="json"))
    raise NothingThere(f'Unknown record "{pid[:300]}".', code=NOT_FOUND)
