"""Route /api/records/{pid}/history: the versions of a public or withdrawn record."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from portal_shared.contracts.identifiers import shown_doi
from portal_shared.contracts.records import Change
from portal_shared.runtime.mongo import Doc
from pydantic import BaseModel

from portal_gateway.catalogue import DOI, Catalogue, tombstone_view
from portal_gateway.errors import MODEL_NOT_FOUND, ResourceNotFound
from portal_gateway.http import responses

router = APIRouter()
LEVELS: dict[Literal["dataset", "document"], str] = {"dataset": "datasets", "document": "documents"}


class Tombstone(BaseModel):
    """Why a record was withdrawn."""

    title: str
    reason: str
    withdrawn_at: datetime


class History(BaseModel):
    """All versions of a record: time, job and changed fields."""

    pid: str
    level: Literal["dataset", "document"]
    doi: str | None
    version: int
    supersedes: str | None
    superseded_by: str | None
    withdrawn: Tombstone | None
    history: list[Change]


@router.get("/api/records/{pid:path}/history", response_model=History, tags=["records"])
async def list_history(
    request: Request,
    pid: Annotated[str, InPath(description="Persistent identifier or DOI of a record")],
) -> Response:
    """List the versions of a public or withdrawn record, oldest first."""
    catalogue: Catalogue = request.app.state.catalogue
    for level, name in LEVELS.items():
        row = await catalogue.load_record(name, pid) or await catalogue.load_tombstone(name, pid)
        if row is not None:
            record: Doc = row.get("record") or {}
            before, after = record.get("supersedes"), record.get("superseded_by")
            editions = await catalogue.visible_datasets([before, after])
            found = History(
                pid=row["_id"],
                level=level,
                doi=shown_doi(row.get(DOI), record.get("doi")),
                version=row["version"],
                supersedes=before if before in editions else None,
                superseded_by=after if after in editions else None,
                withdrawn=_tombstone(row),
                history=row.get("history") or [],
            )
            return responses.json_response(request, found.model_dump(mode="json"))
    raise ResourceNotFound(f'Unknown record "{pid[:300]}".', code=MODEL_NOT_FOUND)


def _tombstone(row: Doc) -> Tombstone | None:
    return Tombstone.model_validate(tombstone_view(row)) if row.get("withdrawn") else None
