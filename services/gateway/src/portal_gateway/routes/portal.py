"""Routes of the portal as a whole: public status, data of the sitemap, JSON-LD."""

from typing import Annotated, Any, cast
from urllib.parse import unquote

import orjson
from fastapi import APIRouter, Query, Request, Response
from portal_shared.contracts.records import Level

from portal_gateway.catalogue import Catalogue
from portal_gateway.errors import BadRequest
from portal_gateway.http import responses
from portal_gateway.http.problem_docs import problems
from portal_gateway.labels.fields import FieldTable
from portal_gateway.labels.licences import licence
from portal_gateway.records.sitemap import (
    LEVELS,
    PAGE_SIZE,
    Sitemap,
    SitemapEntry,
    SitemapParts,
    cursor,
    entry,
    find_parts,
)
from portal_gateway.service_status import ServiceStatus, StatusChecker

router = APIRouter(tags=["site"])
JSON_LD = "application/ld+json"


@router.get("/api/service-status", response_model=ServiceStatus)
async def show_service_status(request: Request) -> Response:
    """Show which parts of the portal work, and which are late."""
    checker: StatusChecker = request.app.state.status_checker
    content = (await checker.check()).model_dump_json().encode()
    return responses.content_response(request, content, headers={"cache-control": "no-store"})


@router.get("/api/sitemap", response_model=Sitemap, responses=problems(400, 503))
async def show_sitemap(
    request: Request, after: Annotated[str, Query(description="`next` of the part before")] = ""
) -> Response:
    """List the pages of public documents and datasets with the day of their last change."""
    catalogue: Catalogue = request.app.state.catalogue
    level, _, pid = after.partition(":")
    if after and level not in LEVELS:
        raise BadRequest("after: expected the value of `next`", field="after")
    entries: list[SitemapEntry] = []
    following: str | None = None
    start = LEVELS.index(cast("Level", level)) if after else 0
    for number, one in enumerate(LEVELS[start:]):
        room = PAGE_SIZE - len(entries)
        rows = await catalogue.load_public(one, unquote(pid) if number == 0 else "", room)
        entries += [entry(one, row) for row in rows]
        if len(rows) == room:
            following = cursor(one, rows[-1]["_id"])
            break
    view = Sitemap(entries=entries, next=following)
    return responses.content_response(request, view.model_dump_json().encode())


@router.get("/api/sitemap/parts", response_model=SitemapParts, responses=problems(503))
async def show_sitemap_parts(request: Request) -> Response:
    """List where the parts of the sitemap begin, for the index of its files."""
    view = await find_parts(request.app.state.catalogue)
    return responses.content_response(request, view.model_dump_json().encode())


@router.get(
    "/api/catalog.jsonld",
    responses={200: {"content": {JSON_LD: {"schema": {"type": "object"}}}}},
    response_class=Response,
)
async def show_catalog(request: Request) -> Response:
    """Show the portal as a schema.org DataCatalog."""
    table: FieldTable = request.app.state.results.table
    profile, under = table.profile, licence(table.profile.license)
    site_url: str = request.app.state.records.site_url
    publisher = {"@type": "Organization", "name": profile.publisher.name}
    made: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "DataCatalog",
        "@id": f"{site_url}/",
        "url": f"{site_url}/",
        "name": profile.title,
        "description": profile.site.texts.get("introduction") or profile.site.tagline or None,
        "inLanguage": profile.language,
        "license": under.url if under else None,
        "publisher": publisher | ({"@id": profile.publisher.ror} if profile.publisher.ror else {}),
        "isAccessibleForFree": True,
        "potentialAction": {
            "@type": "SearchAction",
            "target": f"{site_url}/search?q={{words}}",
            "query-input": "required name=words",
        },
    }
    content = orjson.dumps({name: value for name, value in made.items() if value is not None})
    return responses.content_response(request, content, media_type=JSON_LD)
