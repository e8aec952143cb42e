"""Route /api/records/{pid}/history: the versions of a public or withdrawn record."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from portal_shared.contracts.identifiers import shown_doi
from portal_shared.contracts.records import Change
from portal_shared.runtime.mongo import Doc
from pydantic import BaseModel, Field

from portal_gateway.catalogue import DOI, Catalogue, tombstone_view
from portal_gateway.errors import MODEL_NOT_FOUND, ResourceNotFound
from portal_gateway.http import responses
from portal_gateway.records.links import record_path

router = APIRouter()
Level = Literal["dataset", "document"]
LEVELS: dict[Level, str] = {"dataset": "datasets", "document": "documents"}


class Tombstone(BaseModel):
    """Why a record was withdrawn."""

    title: str
    reason: str
    withdrawn_at: datetime


class History(BaseModel):
    """All versions of a record: time, job and changed fields."""

    pid: str
    level: Level
    doi: str | None
    version: int
    supersedes: str | None
    superseded_by: str | None
    withdrawn: Tombstone | None
    history: list[Change]


class RecordVersion(Change):
    """One version of a record: when it was made and which fields it changed.

    Values of earlier versions are not published: they may have been withdrawn.
    """

    pid: str
    is_current: bool
    record_url: str | None = Field(
        description="Where the record is as this version has it; null: its values are not published"
    )


@router.get(
    "/api/records/{pid:path}/history/{version}", response_model=RecordVersion, tags=["records"]
)
async def show_version(
    request: Request,
    pid: Annotated[str, InPath(description="Persistent identifier or DOI of a record")],
    version: Annotated[str, InPath(description="Number of the version, from 1")],
) -> Response:
    """Show one version of a record: when it was made, and what it changed."""
    _, row = await _load(request, pid)
    for change in row.get("history") or ():
        if str(change["version"]) == version:
            is_current = change["version"] == row["version"]
            is_shown = is_current and not row.get("withdrawn")
            found = RecordVersion.model_validate(
                {
                    **change,
                    "pid": row["_id"],
                    "is_current": is_current,
                    "record_url": record_path(row["_id"]) if is_shown else None,
                }
            )
            return responses.json_response(request, found.model_dump(mode="json"))
    raise ResourceNotFound(
        f'Unknown version "{version[:20]}" of the record "{row["_id"]}".', code=MODEL_NOT_FOUND
    )


@router.get("/api/records/{pid:path}/history", response_model=History, tags=["records"])
async def list_history(
    request: Request,
    pid: Annotated[str, InPath(description="Persistent identifier or DOI of a record")],
) -> Response:
    """List the versions of a public or withdrawn record, oldest first."""
    level, row = await _load(request, pid)
    record: Doc = row.get("record") or {}
    before, after = record.get("supersedes"), record.get("superseded_by")
    catalogue: Catalogue = request.app.state.catalogue
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


async def _load(request: Request, pid: str) -> tuple[Level, Doc]:
    """Loads a public or withdrawn record. Raises ResourceNotFound."""
    catalogue: Catalogue = request.app.state.catalogue
    for level, name in LEVELS.items():
        row = await catalogue.load_record(name, pid) or await catalogue.load_tombstone(name, pid)
        if row is not None:
            return level, row
    raise ResourceNotFound(f'Unknown record "{pid[:300]}".', code=MODEL_NOT_FOUND)


def _tombstone(row: Doc) -> Tombstone | None:
    return Tombstone.model_validate(tombstone_view(row)) if row.get("withdrawn") else None
