"""Routes /api/profile, /api/search and /api/suggest: configuration, results, suggestions."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from portal_gateway.criteria.criteria import (
    DEFAULT_PER_PAGE,
    MAX_PER_PAGE,
    MISSING,
    RELEVANCE,
)
from portal_gateway.criteria.parser import NAME_SORT, parse
from portal_gateway.http import responses
from portal_gateway.http.problem_docs import problems
from portal_gateway.labels.fields import FieldTable
from portal_gateway.labels.profile_view import PageSizes, ProfileView, SortView, profile_view
from portal_gateway.metrics import SearchTimer
from portal_gateway.results import exports
from portal_gateway.results.export_writer import ExportWriter
from portal_gateway.results.models import SearchPage
from portal_gateway.results.search import ResultSearch
from portal_gateway.results.suggest import Suggestions, SuggestionSearch

router = APIRouter(tags=["site"])
PROFILE_HEADERS = {"cache-control": "public, max-age=60"}


@dataclass
class SearchForm:
    """The parameters that do not depend on the profile, for the documentation."""

    q: Annotated[str, Query(description="Words; also conditions such as organ:kidney")] = ""
    page: Annotated[str, Query(description="Number of the page, from 1")] = "1"
    per_page: Annotated[str, Query(description=f"Rows of a page, up to {MAX_PER_PAGE}")] = str(
        DEFAULT_PER_PAGE
    )
    sort: Annotated[str, Query(description="An order; - in front turns it")] = RELEVANCE
    exact: Annotated[str, Query(description="1: words are not corrected")] = ""


def sorts(table: FieldTable) -> list[SortView]:
    """Returns the orders that the site offers; the API knows one for each range, too."""
    roles = table.profile.site.roles
    found = [SortView(key=RELEVANCE, label="Best match")]
    if roles.voxel:
        address = table.by_name[roles.voxel].address
        found += [
            SortView(key=address, label="Finest voxels first"),
            SortView(key=f"-{address}", label="Coarsest voxels first"),
        ]
    size = table.by_name[roles.raw_bytes or "size"].address
    return [
        *found,
        SortView(key="-date", label="Newest first"),
        SortView(key="date", label="Oldest first"),
        SortView(key=f"-{size}", label="Largest first"),
        SortView(key=size, label="Smallest first"),
        SortView(key=NAME_SORT, label="Name"),
    ]


@router.get("/api/profile", response_model=ProfileView)
async def show_profile(request: Request) -> Response:
    """Show texts, labels, units, facets, orders and colours of the site."""
    table: FieldTable = request.app.state.results.table
    sizes = PageSizes(default=DEFAULT_PER_PAGE, maximum=MAX_PER_PAGE)
    view = profile_view(table, sorts(table), missing=MISSING, page_sizes=sizes)
    content = view.model_dump_json().encode()
    return responses.content_response(request, content, headers=PROFILE_HEADERS)


@router.get("/api/search", response_model=SearchPage, responses=problems(400, 503))
async def search(request: Request, _form: Annotated[SearchForm, Depends()]) -> Response:
    """Search datasets: rows, facets, corrections and exports of a page of results.

    Each field of /api/profile with a `parameter` is a parameter here: `organ=kidney&organ=lung`,
    `voxel_um=2..10`, `side=~missing`. Values of one parameter are alternatives.
    """
    results: ResultSearch = request.app.state.results
    criteria = parse(results.table, request.query_params.multi_items())
    with SearchTimer("page"):
        found = await results.load_page(criteria)
    return responses.content_response(request, found.model_dump_json().encode())


@router.get(
    exports.PATH,
    responses={
        200: {
            "description": "The table, citations or list of files",
            "content": {
                one.media_type.partition(";")[0]: {"schema": {"type": "string"}}
                for one in exports.FORMATS.values()
            },
        },
        **problems(400, 503),
    },
    response_class=Response,
)
async def export_search(
    request: Request,
    _form: Annotated[SearchForm, Depends()],
    format: Annotated[  # noqa: A002  # the public name
        str, Query(description=", ".join(exports.FORMATS))
    ] = "tsv",
) -> Response:
    """Export exactly the result of a search, by the parameters of /api/search."""
    writer: ExportWriter = request.app.state.export_writer
    results: ResultSearch = request.app.state.results
    criteria = parse(results.table, request.query_params.multi_items())
    wanted = exports.find_format(format)
    with SearchTimer("page_export"):
        content = await writer.start(criteria, wanted)
    return StreamingResponse(content, headers=exports.headers(wanted))


@router.get("/api/suggest", response_model=Suggestions, responses=problems(400, 503))
async def suggest(
    request: Request, q: Annotated[str, Query(description="The typed text; may be empty")] = ""
) -> Response:
    """Suggest values of facets, datasets, documents and people; popular values without a text."""
    suggestions: SuggestionSearch = request.app.state.suggestions
    with SearchTimer("page_suggest"):
        found = await suggestions.suggest(q)
    return responses.content_response(request, found.model_dump_json().encode())
