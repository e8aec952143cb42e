"""Route /api/records/{pid}: the full record of a dataset or document."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath

from portal_gateway.http import responses
from portal_gateway.http.problem_docs import problems
from portal_gateway.records.loader import RecordLoader, Withdrawn
from portal_gateway.records.models import RecordView

router = APIRouter(tags=["site"])


@router.get(
    "/api/records/{pid:path}", response_model=RecordView, responses=problems(400, 404, 410, 503)
)
async def show_record(
    request: Request,
    pid: Annotated[str, InPath(description="Pid, DOI or name of a dataset or document")],
) -> Response:
    """Show a public record with labels, relations, sentences to cite it, and addresses."""
    loader: RecordLoader = request.app.state.records
    try:
        view = await loader.load(pid)
    except Withdrawn as withdrawn:
        return responses.problem_response(withdrawn, code="WITHDRAWN", **withdrawn.public)
    return responses.content_response(request, view.model_dump_json().encode())
