"""Routes below /api/records/{pid}: the record, its timeline, JSON-LD and links for machines."""

import asyncio
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi import Path as InPath

from portal_gateway.citation.collection import CitationList, citations
from portal_gateway.citation.json_ld import json_ld
from portal_gateway.http import responses
from portal_gateway.http.problem_docs import problems
from portal_gateway.labels.fields import FieldTable
from portal_gateway.records import signposting
from portal_gateway.records.loader import RecordLoader
from portal_gateway.records.models import RecordView
from portal_gateway.records.signposting import Linkset
from portal_gateway.records.timeline import Timeline, timeline
from portal_gateway.usage.counter import UsageCounter
from portal_gateway.usage.robots import is_robot

router = APIRouter(tags=["site"])
PROBLEMS = problems(400, 404, 410, 503)
JSON_LD = "application/ld+json"
_VIEW = (
    "`page` from a web site that shows the record under its name to the reader whose User-Agent it "
    "passes on: counted as a view"
)
_READER = "Address of that reader, so that views shortly after one another count once; not stored"
Pid = Annotated[str, InPath(description="Pid, DOI or name of a dataset or document")]


def _loader(request: Request) -> RecordLoader:
    loader: RecordLoader = request.app.state.records
    return loader


Records = Annotated[RecordLoader, Depends(_loader)]


def _described(media_type: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {media_type: {"schema": {"type": "object"}}}}, **PROBLEMS}


@router.get(
    "/api/records/{pid:path}/jsonld", responses=_described(JSON_LD), response_class=Response
)
async def show_json_ld(request: Request, records: Records, pid: Pid) -> Response:
    """Show the record in the words of schema.org: a Dataset, or a Collection for a document."""
    cited = await records.load_cited(pid)
    content = orjson.dumps(json_ld(cited))
    headers = {"link": signposting.describes(cited.url)}
    return responses.content_response(request, content, media_type=JSON_LD, headers=headers)


@router.get("/api/records/{pid:path}/citations", response_model=CitationList, responses=PROBLEMS)
async def show_citations(request: Request, records: Records, pid: Pid) -> Response:
    """Show the citations of the record in the usual styles, as BibTeX and as RIS."""
    cited = await records.load_cited(pid, with_links=False)
    content = (await asyncio.to_thread(citations, cited)).model_dump_json().encode()
    return responses.content_response(request, content)


@router.get(
    "/api/records/{pid:path}/linkset",
    response_model=Linkset,
    responses=PROBLEMS,
)
async def show_linkset(request: Request, records: Records, pid: Pid) -> Response:
    """Show all links of the record's page and back to it (RFC 9264, Signposting level 2)."""
    view = await records.load(pid)
    found = signposting.linkset(f"{records.site_url}{view.page}", view.links)
    content = found.model_dump_json(by_alias=True, exclude_none=True).encode()
    return responses.content_response(request, content, media_type=signposting.LINKSET)


@router.get("/api/records/{pid:path}/timeline", response_model=Timeline, responses=PROBLEMS)
async def show_timeline(request: Request, records: Records, pid: Pid) -> Response:
    """Show what happened to the record, oldest first."""
    level, row = await records.find(pid)
    table: FieldTable = request.app.state.results.table
    content = timeline(table, level, row).model_dump_json().encode()
    return responses.content_response(request, content)


@router.get("/api/records/{pid:path}", response_model=RecordView, responses=PROBLEMS)
async def show_record(
    request: Request,
    records: Records,
    pid: Pid,
    portal_view: Annotated[str | None, Header(description=_VIEW)] = None,
    portal_reader: Annotated[str | None, Header(description=_READER)] = None,
) -> Response:
    """Show a public record with labels, relations, sentences to cite it, and addresses."""
    view = await records.load(pid)
    is_page = portal_view == "page" and view.level == "dataset" and pid == view.name
    program = request.headers.get("user-agent") or ""
    if is_page and not is_robot(program):
        usage: UsageCounter = request.app.state.usage
        address = portal_reader or (request.client.host if request.client else "")
        usage.count_view(view.pid, address, program)
    headers = {"link": signposting.describes(f"{records.site_url}{view.page}")}
    return responses.content_response(request, view.model_dump_json().encode(), headers=headers)
