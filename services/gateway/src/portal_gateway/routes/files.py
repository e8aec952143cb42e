"""Route /api/records/{pid}/files: the files of a dataset in pages, by name, role and folder."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi import Path as InPath

from portal_gateway.errors import MODEL_NOT_FOUND, ResourceNotFound
from portal_gateway.files.availability import FileStates
from portal_gateway.files.criteria import DEFAULT_PER_PAGE, MAX_PER_PAGE, ROLES, parse
from portal_gateway.files.loader import FilePageLoader
from portal_gateway.files.models import FilePage
from portal_gateway.http import responses
from portal_gateway.http.problem_docs import problems
from portal_gateway.records.loader import RecordLoader


@asynccontextmanager
async def _client(app: FastAPI) -> AsyncGenerator[None]:
    yield
    states: FileStates = app.state.file_states
    await states.close()


router = APIRouter(tags=["site"], lifespan=_client)
_ROLE = f"{', '.join(ROLES)}; level-0, level-1 … for one level"
_FOLDER = "Only files below this folder; slashes at its ends play no part"


@dataclass
class FileForm:
    """The parameters, for the documentation; blank ones are no condition."""

    name: Annotated[str, Query(description="A part of folder and name, in any case")] = ""
    role: Annotated[str, Query(description=_ROLE)] = ""
    folder: Annotated[str, Query(description=_FOLDER)] = ""
    page: Annotated[str, Query(description="Number of the page, from 1")] = "1"
    per_page: Annotated[str, Query(description=f"Files of a page, up to {MAX_PER_PAGE}")] = str(
        DEFAULT_PER_PAGE
    )


@router.get(
    "/api/records/{pid:path}/files",
    response_model=FilePage,
    responses=problems(400, 404, 410, 503),
)
async def list_files(
    request: Request,
    pid: Annotated[str, InPath(description="Pid, DOI or name of a dataset")],
    _form: Annotated[FileForm, Depends()],
) -> Response:
    """List the files of a dataset in pages, with sums of files and bytes by role and folder."""
    criteria = parse(request.query_params.multi_items())
    records: RecordLoader = request.app.state.records
    level, row = await records.find(pid)
    if level != "dataset":
        raise ResourceNotFound(
            f'The document "{row["_id"]}" has no files of its own: its datasets have them',
            code=MODEL_NOT_FOUND,
        )
    pages: FilePageLoader = request.app.state.file_pages
    content = (await pages.load(row, criteria)).model_dump_json().encode()
    return responses.content_response(request, content)
