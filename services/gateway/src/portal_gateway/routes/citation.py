"""GET /doi/{doi} for whoever asks, GET /api/records/{pid}/citation: a record in any format."""

import asyncio
import re
from dataclasses import dataclass
from http import HTTPStatus

from portal_shared.runtime.errors import Invalid, PortalError
from portal_shared.runtime.mongo import Doc
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from portal_gateway.catalogue import Catalogue
from portal_gateway.citation import styles
from portal_gateway.citation.cited_record import Cited
from portal_gateway.citation.formats import BY_NAME, FORMATS, NAMES, TEXT, Format, text
from portal_gateway.citation.loader import Records
from portal_gateway.errors import NOT_FOUND, NotAcceptable, NothingThere, Refused
from portal_gateway.http import pages, responses

_PARAMETER = re.compile(r"text/x-bibliography\s*;([^,]*)", re.IGNORECASE)
PAGE, PLAIN = "text/html", "application/json"


@dataclass(frozen=True)
class Citation:
    catalogue: Catalogue
    records: Records

    def routes(self) -> list[Route]:
        return [
            Route("/doi/{doi:path}", self.doi, methods=["GET", "HEAD"]),
            Route("/api/records/{pid:path}/citation", self.citation, methods=["GET", "HEAD"]),
        ]

    async def doi(self, request: Request) -> Response:
        """To the landing page for people; for programs what they accept."""
        doi = request.path_params["doi"].strip("/")
        try:
            found = await self.catalogue.standing(doi) if "/" in doi else []
            if not found:
                raise NothingThere(f"No record has the DOI {doi[:300]}", code=NOT_FOUND)
            wanted = _negotiated(request)
            if wanted in (PAGE, PLAIN):
                return _led(request, doi, found, page=wanted == PAGE)
            if len(found) > 1:
                told = {"doi": doi, "records": _told(found)}
                return JSONResponse(told, HTTPStatus.MULTIPLE_CHOICES, headers={"vary": "Accept"})
            cited = await self.records.cited(*found[0])
            if wanted == TEXT:
                style, locale = _style(request)
                return await _text(request, cited, style, locale)
            return _written(request, cited, next(f for f in FORMATS if f.media_type == wanted))
        except Invalid as error:
            return responses.refused(NotAcceptable(str(error)))
        except PortalError as error:
            return responses.refused(error)

    async def citation(self, request: Request) -> Response:
        """`format` is one of datacite-json, datacite-xml, json-ld, csl-json, bibtex, ris, text, or
        the name of a style; `style` and `locale` are of the text."""
        query, pid = request.query_params, request.path_params["pid"]
        name = query.get("format", "text")
        try:
            if name not in NAMES and not styles.known(name):
                raise Refused(
                    f"format: {name[:80]!r} is not known; there are {', '.join(NAMES)}, and the "
                    "names of the styles of citationstyles.org"
                )
            cited = await self._cited(pid)
            if name in BY_NAME:
                return _written(request, cited, BY_NAME[name])
            style = query.get("style", styles.DEFAULT) if name == "text" else name
            return await _text(request, cited, style, query.get("locale", "en-US"))
        except Invalid as error:
            return responses.refused(Refused(str(error)))
        except PortalError as error:
            return responses.refused(error)

    async def _cited(self, pid: str) -> Cited:
        found = await self.catalogue.standing(pid)
        if not found:
            raise NothingThere(f'Unknown record "{pid[:300]}".', code=NOT_FOUND)
        if len(found) > 1:
            named = ", ".join(row["_id"] for _, row in found)
            raise Refused(f"{pid[:300]} is shared: name one of {named}")
        return await self.records.cited(*found[0])


def _negotiated(request: Request) -> str:
    """The media type that the reader likes best; ours first where it is all the same."""
    offered = [PLAIN, PAGE, *(f.media_type for f in FORMATS), TEXT]
    if not request.headers.get("accept"):
        return PLAIN
    best = max(offered, key=lambda kind: responses.weight(request, *kind.split("/", 1)))
    if responses.weight(request, *best.split("/", 1)) <= 0:
        raise NotAcceptable(f"There are {', '.join(offered)}")
    return best


def _style(request: Request) -> tuple[str, str]:
    sent = _PARAMETER.search(", ".join(request.headers.getlist("accept")))
    given = {
        name.strip().lower(): value.strip().strip('"')
        for name, equals, value in (p.partition("=") for p in (sent[1] if sent else "").split(";"))
        if equals
    }
    return given.get("style", styles.DEFAULT), given.get("locale", "en-US")


def _told(found: list[tuple[str, Doc]]) -> list[dict[str, str]]:
    return [
        {"level": level, "pid": row["_id"], "title": row["record"]["title"]} for level, row in found
    ]


def _led(request: Request, doi: str, found: list[tuple[str, Doc]], *, page: bool) -> Response:
    records = _told(found)
    if not page:
        return responses.told(request, {"doi": doi, "records": records})
    if len(found) == 1:
        where = pages.landing_path(records[0]["level"], records[0]["pid"])
        return RedirectResponse(where, HTTPStatus.FOUND, headers={"vary": "Accept"})
    return responses.answer(
        request,
        pages.choice(doi, records).encode(),
        media_type=pages.HTML,
        headers=pages.HEADERS,
    )


def _written(request: Request, cited: Cited, wanted: Format) -> Response:
    content = wanted.write(cited).encode()
    return responses.answer(request, content, media_type=f"{wanted.media_type}; charset=utf-8")


async def _text(request: Request, cited: Cited, style: str, locale: str) -> Response:
    content = await asyncio.to_thread(text, cited, style, locale)
    return responses.answer(request, content.encode(), media_type=f"{TEXT}; charset=utf-8")
