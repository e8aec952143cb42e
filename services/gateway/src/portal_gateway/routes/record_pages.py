"""Addresses of the web site's pages where no site runs: records as JSON, the addresses of the API.

A browser gets a sentence: the pages are those of the web site alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from portal_shared.contracts.identifiers import shown_doi
from portal_shared.runtime.errors import Gone
from portal_shared.runtime.mongo import Doc
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from portal_gateway.catalogue import DOI, Catalogue, tombstone_view
from portal_gateway.errors import MODEL_NOT_FOUND, ResourceNotFound
from portal_gateway.filters.parser import parse_search
from portal_gateway.filters.schema import COLLECTIONS, DATASET, DOCUMENT, Entity
from portal_gateway.http import pages, responses
from portal_gateway.search.planner import Searcher

LEVELS = {"document": DOCUMENT, "dataset": DATASET}
MAX_FILES = 1000
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
class RecordPages:
    searcher: Searcher
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
        tombstone = await self.catalogue.load_tombstone(COLLECTIONS[entity.name], pid)
        if tombstone is not None:
            return _tombstone(tombstone)
        view = await self._record_view(entity, pid)
        if not _prefers_page(request):
            return responses.json_response(request, view)
        return _no_site(request, f"/api/records/{quote(view['pid'], safe='')}")

    async def _record_view(self, entity: Entity, pid: str) -> dict[str, Any]:
        """Returns the record with all its relations and the details of its community."""
        search = parse_search(entity, {"include": _INCLUDES[entity.name]})
        row = await self.catalogue.load_record(COLLECTIONS[entity.name], pid)
        view = await self.searcher.load_record(search, pid) if row else None
        if row is None or view is None:
            raise ResourceNotFound(
                f'Unknown "{entity.name}" id "{pid[:300]}".', code=MODEL_NOT_FOUND
            )
        record: Mapping[str, Any] = row["record"]
        if entity is DATASET:
            view["members"] = [_member_view(m) for m in record["members"]]
            view["filesCount"] = await self.catalogue.count_files(row["_id"])
            query = {"pid": row["_id"]}
            view["files"] = await self.catalogue.load_files_page(query, 0, MAX_FILES)
            view["availability"] = row.get("availability")
            view["availabilityDetail"] = row.get("availability_detail") or row.get("availability")
        return {**view, "doi": view.get("doi"), "details": record["details"]}

    async def root(self, request: Request) -> Response:
        """Lists the addresses of the API."""
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
            return _no_site(request, "/api/docs")
        return responses.json_response(request, {"name": title, "status": "ok", **addresses})


def _tombstone(row: Doc) -> Response:
    """Returns 410 with the reason. The DOI of a withdrawn record still resolves to this page."""
    tombstone = {
        "pid": row["_id"],
        "doi": shown_doi(row.get(DOI), row["record"].get("doi")),
        **tombstone_view(row),
    }
    members = {name: value for name, value in tombstone.items() if name != "title"}
    return responses.problem_response(
        Gone(str(tombstone["reason"])),
        code="WITHDRAWN",
        record_title=tombstone["title"],
        **members,
    )


def _member_view(member: Mapping[str, Any]) -> dict[str, Any]:
    person: Mapping[str, Any] = member.get("person") or {}
    affiliation: Mapping[str, Any] = member.get("affiliation") or {}
    return {
        "role": member.get("role"),
        "roles": member.get("roles"),
        "person": {_PERSON.get(k, k): v for k, v in person.items() if v is not None},
        "affiliation": {k: v for k, v in affiliation.items() if v is not None},
    }


def _prefers_page(request: Request) -> bool:
    html = responses.accept_quality(request, "text", "html")
    return bool(request.headers.get("accept")) and html > responses.accept_quality(
        request, "application", "json"
    )


def _no_site(request: Request, address: str) -> Response:
    text = f"The web site of this portal does not run here. You find this at {address}\n"
    return responses.content_response(
        request, text.encode(), media_type=pages.TEXT, headers=pages.HEADERS
    )
