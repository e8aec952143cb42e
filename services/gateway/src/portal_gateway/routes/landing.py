"""Landing pages: the whole record, for programs as JSON, for people as a page."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from portal_shared.runtime.errors import PortalError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from portal_gateway.catalogue import Catalogue
from portal_gateway.errors import NOT_FOUND, NothingThere
from portal_gateway.filters.parser import read_search
from portal_gateway.filters.schema import COLLECTIONS, DATASET, DOCUMENT, Entity
from portal_gateway.http import pages, responses
from portal_gateway.search.planner import Searching

LEVELS = {"document": DOCUMENT, "dataset": DATASET}
FILES_SHOWN = 1000
_PERSON = {"full_name": "fullName", "first_name": "firstName", "last_name": "lastName",
           "researcher_id": "researcherId"}  # fmt: skip
_INCLUDES = {
    "Dataset": ["documents", "instrument", "techniques", "samples", "parameters"],
    "Document": [
        "datasets",
        "parameters",
        {"relation": "members", "scope": {"include": ["person", "affiliation"]}},
    ],
}


@dataclass(frozen=True)
class Landing:
    searching: Searching
    catalogue: Catalogue

    def routes(self) -> list[Route]:
        return [
            Route("/datasets/{pid:path}", self.dataset, methods=["GET"]),
            Route("/documents/{pid:path}", self.document, methods=["GET"]),
            Route("/", self.root, methods=["GET"]),
            Route("/api", self.root, methods=["GET"]),
            Route("/api/", self.root, methods=["GET"]),
        ]

    async def dataset(self, request: Request) -> Response:
        return await self._record(request, "dataset")

    async def document(self, request: Request) -> Response:
        return await self._record(request, "document")

    async def _record(self, request: Request, level: str) -> Response:
        entity = LEVELS[level]
        pid = request.path_params["pid"].removesuffix("/")
        try:
            stone = await self.catalogue.tombstone(COLLECTIONS[entity.name], pid)
            told = await self._told(entity, pid) if stone is None else {}
        except PortalError as error:
            return responses.refused(error)
        if stone is not None:
            return _tombstone(request, stone)
        if not _prefers_page(request):
            return responses.told(request, told)
        return _page(request, pages.record(told, pages.api_path(level, told["pid"])))

    async def _told(self, entity: Entity, pid: str) -> dict[str, Any]:
        """The record with all its relations, and what its community says in its own words."""
        search = read_search(entity, {"include": _INCLUDES[entity.name]})
        row = await self.catalogue.record(COLLECTIONS[entity.name], pid)
        told = await self.searching.record(search, pid) if row else None
        if row is None or told is None:
            raise NothingThere(f'Unknown "{entity.name}" id "{pid[:300]}".', code=NOT_FOUND)
        record: Mapping[str, Any] = row["record"]
        if entity is DATASET:
            told["members"] = [_member(m) for m in record["members"]]
            told["filesCount"] = await self.catalogue.files_count(row["_id"])
            which = {"pid": row["_id"]}
            told["files"] = await self.catalogue.files_page(which, 0, FILES_SHOWN)
            told["availability"] = row.get("availability")
        return {**told, "doi": told.get("doi"), "details": record["details"]}

    async def root(self, request: Request) -> Response:
        """Where to look."""
        title = "Human Organs Open Data portal"
        addresses = {
            "documents": "/api/Documents",
            "datasets": "/api/Datasets",
            "instruments": "/api/Instruments",
            "documentation": "/api/docs",
            "openapi": "/api/openapi.json",
            "health": "/health",
        }
        if _prefers_page(request):
            return _page(request, pages.links(title, addresses))
        return responses.told(request, {"name": title, "status": "ok", **addresses})


def _tombstone(request: Request, row: Mapping[str, Any]) -> Response:
    """410 with the reason: the DOI goes on leading here."""
    left = {"pid": row["_id"], "doi": row.get("told_doi"), **row["withdrawn"]}
    if _prefers_page(request):
        page = pages.tombstone(left).encode()
        headers = {**pages.HEADERS, "content-type": pages.HTML}
        return Response(page, HTTPStatus.GONE, headers=headers)
    error = {"statusCode": 410, "name": "Error", "code": "WITHDRAWN", "message": left["reason"]}
    return JSONResponse({"error": error, **left}, HTTPStatus.GONE)


def _member(member: Mapping[str, Any]) -> dict[str, Any]:
    person: Mapping[str, Any] = member.get("person") or {}
    affiliation: Mapping[str, Any] = member.get("affiliation") or {}
    return {
        "role": member.get("role"),
        "roles": member.get("roles"),
        "person": {_PERSON.get(k, k): v for k, v in person.items() if v is not None},
        "affiliation": {k: v for k, v in affiliation.items() if v is not None},
    }


def _prefers_page(request: Request) -> bool:
    html = responses.weight(request, "text", "html")
    return bool(request.headers.get("accept")) and html > responses.weight(
        request, "application", "json"
    )


def _page(request: Request, text: str) -> Response:
    return responses.answer(request, text.encode(), media_type=pages.HTML, headers=pages.HEADERS)
