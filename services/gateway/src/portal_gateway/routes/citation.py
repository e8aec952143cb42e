"""Routes /doi/{doi}, with content negotiation, and /api/records/{pid}/citation."""

import asyncio
import re
from dataclasses import dataclass
from http import HTTPStatus

from portal_shared.runtime.errors import Invalid
from portal_shared.runtime.mongo import Doc
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from portal_gateway.catalogue import Catalogue
from portal_gateway.citation import styles
from portal_gateway.citation.cited_record import CitedRecord
from portal_gateway.citation.formats import BY_MEDIA_TYPE, BY_NAME, NAMES, TEXT, Format, text
from portal_gateway.citation.loader import CitedRecordLoader
from portal_gateway.errors import MODEL_NOT_FOUND, BadRequest, NotAcceptable, ResourceNotFound
from portal_gateway.http import pages, responses
from portal_gateway.records import signposting

_PARAMETER = re.compile(r"text/x-bibliography\s*;([^,]*)", re.IGNORECASE)
PAGE, PLAIN = "text/html", "application/json"


@dataclass(frozen=True)
class CitationRoutes:
    catalogue: Catalogue
    records: CitedRecordLoader

    def routes(self) -> list[Route]:
        return [
            Route("/doi/{doi:path}", self.resolve_doi, methods=["GET", "HEAD"]),
            Route("/api/records/{pid:path}/citation", self.cite, methods=["GET", "HEAD"]),
        ]

    async def resolve_doi(self, request: Request) -> Response:
        """Redirects to the landing page; returns another format if the request prefers it."""
        doi = request.path_params["doi"].strip("/")
        found = await self.catalogue.find_by_pid_or_doi(doi) if "/" in doi else []
        if not found:
            raise ResourceNotFound(f"No record has the DOI {doi[:300]}", code=MODEL_NOT_FOUND)
        wanted = _negotiate(request)
        if wanted in (PAGE, PLAIN):
            return _resolution(request, doi, found, page=wanted == PAGE)
        if len(found) > 1:
            choice = {"doi": doi, "records": _record_views(found)}
            return JSONResponse(choice, HTTPStatus.MULTIPLE_CHOICES, headers={"vary": "Accept"})
        form = BY_MEDIA_TYPE.get(wanted)
        cited = await self.records.load(*found[0], with_links=form is not None and form.has_links)
        if form is not None:
            return await _formatted(request, cited, form)
        style, locale = _style(request)
        try:
            return await _text(request, cited, style, locale)
        except Invalid as error:
            raise NotAcceptable(str(error)) from error

    async def cite(self, request: Request) -> Response:
        """Returns a citation in the format of the parameter `format`.

        It is the name of a format, `text`, or the name of a citation style. `style` and `locale`
        apply to text.
        """
        query, pid = request.query_params, request.path_params["pid"]
        name = query.get("format", "text")
        if name not in NAMES and not styles.is_known(name):
            raise BadRequest(
                f"format: {name[:80]!r} is not known; known are {', '.join(NAMES)}, and the "
                "names of the styles of citationstyles.org"
            )
        form = BY_NAME.get(name)
        cited = await self._load_cited(pid, with_links=form is not None and form.has_links)
        if form is not None:
            return await _formatted(request, cited, form)
        style = query.get("style", styles.DEFAULT) if name == "text" else name
        try:
            return await _text(request, cited, style, query.get("locale", "en-US"))
        except Invalid as error:
            raise BadRequest(str(error)) from error

    async def _load_cited(self, pid: str, *, with_links: bool) -> CitedRecord:
        found = await self.catalogue.find_by_pid_or_doi(pid)
        if not found:
            raise ResourceNotFound(f'Unknown record "{pid[:300]}".', code=MODEL_NOT_FOUND)
        if len(found) > 1:
            pids = ", ".join(row["_id"] for _, row in found)
            raise BadRequest(f"Several records have the DOI {pid[:300]}: use a pid, one of {pids}")
        return await self.records.load(*found[0], with_links=with_links)


def _negotiate(request: Request) -> str:
    """Returns the media type with the highest quality; among equal ones, the first of ours."""
    offered = [PAGE, PLAIN, *BY_MEDIA_TYPE, TEXT]
    if not request.headers.get("accept"):
        return PAGE
    best = max(offered, key=lambda kind: responses.accept_quality(request, *kind.split("/", 1)))
    if responses.accept_quality(request, *best.split("/", 1)) <= 0:
        raise NotAcceptable(f"Available media types are {', '.join(offered)}")
    return best


def _style(request: Request) -> tuple[str, str]:
    """Returns style and locale of the accepted text/x-bibliography."""
    sent = _PARAMETER.search(", ".join(request.headers.getlist("accept")))
    given = {
        name.strip().lower(): value.strip().strip('"')
        for name, equals, value in (p.partition("=") for p in (sent[1] if sent else "").split(";"))
        if equals
    }
    return given.get("style", styles.DEFAULT), given.get("locale", "en-US")


def _record_views(found: list[tuple[str, Doc]]) -> list[dict[str, str]]:
    return [
        {"level": level, "pid": row["_id"], "title": row["record"]["title"]} for level, row in found
    ]


def _resolution(
    request: Request, doi: str, found: list[tuple[str, Doc]], *, page: bool
) -> Response:
    records = _record_views(found)
    if not page:
        return responses.json_response(request, {"doi": doi, "records": records})
    path = pages.choice_path(doi)
    if len(found) == 1:
        path = pages.landing_path(records[0]["level"], records[0]["pid"])
    return RedirectResponse(path, HTTPStatus.FOUND, headers={"vary": "Accept"})


async def _formatted(request: Request, cited: CitedRecord, wanted: Format) -> Response:
    content = (await asyncio.to_thread(wanted.write, cited)).encode()
    return responses.content_response(
        request,
        content,
        media_type=f"{wanted.content_type}; charset=utf-8",
        headers={"link": signposting.describes(cited.url)},
    )


async def _text(request: Request, cited: CitedRecord, style: str, locale: str) -> Response:
    content = await asyncio.to_thread(text, cited, style, locale)
    return responses.content_response(
        request, content.encode(), media_type=f"{TEXT}; charset=utf-8"
    )
