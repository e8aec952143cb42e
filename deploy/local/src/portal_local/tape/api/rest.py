"""WLCG Tape REST API v1: discovery, stage, poll, cancel, delete, release, archiveinfo."""

from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from portal_local.simulation import parse_json
from portal_local.tape.api import durations, progress
from portal_local.tape.library.archive import MISSING, Archive
from portal_local.tape.paths import sanitize
from portal_local.tape.problems import DASH, Problem

SITE = "portal-local-tape"
API = "/api/v1"
DEFAULT_LIFETIME_SECONDS = 86400.0  # of a pin, if the client gives none
MAX_BODY_BYTES = 8 * 2**20

Sent = Annotated[str, StringConstraints(min_length=1)]


class StagedFile(BaseModel):
    """A file of a stage request; options of other sites and targetedMetadata are ignored."""

    path: Sent
    lifetime: Annotated[str | None, Field(alias="diskLifetime")] = None


class StageBody(BaseModel):
    files: Annotated[list[StagedFile], Field(min_length=1)]


class StrictStageBody(StageBody):
    model_config = ConfigDict(extra="forbid")


class PathsBody(BaseModel):
    paths: Annotated[list[Sent], Field(min_length=1)]


B = TypeVar("B", bound=BaseModel)


@dataclass(frozen=True)
class SiteBehaviour:
    """Differences between sites: dialect and limits."""

    dialect: progress.Dialect = "spec"
    max_files: int | None = None  # in a stage request; larger ones are refused
    max_localities: int | None = None  # in one answer of archiveinfo; others are left out

    @property
    def api(self) -> str:
        return f"{API}/tape" if self.dialect == "dcache" else API


class TapeRestApi:
    """The routes of the API."""

    def __init__(self, archive: Archive, behaviour: SiteBehaviour | None = None) -> None:
        self._archive = archive
        self._behaviour = behaviour or SiteBehaviour()

    def routes(self) -> list[Route]:
        api = self._behaviour.api
        return [
            Route("/.well-known/wlcg-tape-rest-api", self.discover),
            Route(f"{api}/stage", self.stage, methods=["POST"]),
            Route(f"{api}/stage/{{id}}", self.poll),
            Route(f"{api}/stage/{{id}}", self.delete, methods=["DELETE"]),
            Route(f"{api}/stage/{{id}}/cancel", self.cancel, methods=["POST"]),
            Route(f"{api}/release/{{id}}", self.release, methods=["POST"]),
            Route(f"{api}/archiveinfo", self.archiveinfo, methods=["POST"]),
        ]

    async def discover(self, request: Request) -> Response:
        endpoint: dict[str, object] = {"uri": self._base(request), "version": "v1", "metadata": {}}
        return JSONResponse(
            {
                "sitename": SITE,
                "description": "Tape archive simulator",
                "endpoints": [endpoint],
            }
        )

    async def stage(self, request: Request) -> Response:
        dcache = self._behaviour.dialect == "dcache"
        body = await parse_body(request, StrictStageBody if dcache else StageBody, "files")
        max_files = self._behaviour.max_files
        if max_files is not None and len(body.files) > max_files:
            raise Problem(413, "Content Too Large", f"at most {max_files} files in a request")
        files: dict[str, float] = {}
        for number, file in enumerate(body.files):
            path, lifetime = sanitize(file.path), _lifetime(file.lifetime, number)
            files[path] = max(lifetime, files.get(path, 0.0))
        if self._behaviour.dialect == "storm":  # reads no lifetimes
            files = dict.fromkeys(files, DEFAULT_LIFETIME_SECONDS)
        request_id = self._archive.stage(files)
        return JSONResponse(
            {"requestId": request_id},
            201,
            headers={"Location": f"{self._base(request)}/stage/{request_id}"},
        )

    def _base(self, request: Request) -> str:
        host = request.headers.get("host", "localhost")
        return f"{request.url.scheme}://{host}{self._behaviour.api}"

    async def poll(self, request: Request) -> Response:
        found = self._archive.requests.request(request.path_params["id"])
        if found is None:
            raise _unknown_request(request)
        return JSONResponse(
            progress.DIALECTS[self._behaviour.dialect](self._archive.with_poll_faults(found))
        )

    async def delete(self, request: Request) -> Response:
        """Cancels what is pending and deletes the request with its pins."""
        request_id = request.path_params["id"]
        if self._archive.paths_of(request_id) is None:
            raise _unknown_request(request)
        self._archive.requests.delete(request_id)
        return Response()

    async def cancel(self, request: Request) -> Response:
        request_id, paths = await self._own_paths(request)
        self._archive.requests.cancel(request_id, paths)
        return Response()

    async def release(self, request: Request) -> Response:
        request_id, paths = await self._own_paths(request)
        self._archive.requests.release(request_id, paths)
        return Response()

    async def _own_paths(self, request: Request) -> tuple[str, list[str]]:
        body = await parse_body(request, PathsBody, "paths")
        request_id = request.path_params["id"]
        if self._archive.paths_of(request_id) is None:
            raise _unknown_request(request)
        paths = [sanitize(path) for path in body.paths]
        foreign = self._archive.first_foreign_path(request_id, paths)
        if foreign is not None:
            detail = (
                f"The file {foreign} does not belong to the STAGE request {request_id}."
                " No modification has been made to this request."
            )
            raise Problem(400, "File missing from stage request", detail)
        return request_id, paths

    async def archiveinfo(self, request: Request) -> Response:
        body = await parse_body(request, PathsBody, "paths")
        paths = list(dict.fromkeys(sanitize(path) for path in body.paths))
        answered = paths[: self._behaviour.max_localities]
        return JSONResponse([self._info(path) for path in answered])

    def _info(self, path: str) -> dict[str, str]:
        locality = self._archive.locality(path)
        return (
            {"path": path, "locality": locality} if locality else {"path": path, "error": MISSING}
        )


def _unknown_request(request: Request) -> Problem:
    request_id = request.path_params["id"]
    return Problem(404, "Stage request not found", f"There is no STAGE request {request_id}.")


def _lifetime(sent: str | None, number: int) -> float:
    if sent is None:
        return DEFAULT_LIFETIME_SECONDS
    found = durations.parse_duration(sent)
    if found is None:
        detail = f"files.{number}.diskLifetime {DASH} {sent[:40]!r} is not an ISO 8601 duration"
        raise Problem(400, "JSON Validation error", detail)
    return found


async def parse_body(request: Request, model: type[B], field: str) -> B:
    """Returns the body as a model. Raises Problem with the field and its error."""
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BODY_BYTES:
            raise Problem(413, "Content Too Large", f"The limit is {MAX_BODY_BYTES} bytes")
    try:
        sent = parse_json(bytes(received))
    except ValueError as error:
        raise Problem(400, "JSON Validation error", f"The body is not JSON: {error}") from error
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        first = error.errors()[0]
        if len(first["loc"]) > 1:
            detail = f"{'.'.join(str(step) for step in first['loc'])} {DASH} {first['msg']}"
        else:
            detail = f"{field} {DASH} Field does not exist or is not a valid non-empty array"
        raise Problem(400, "JSON Validation error", detail) from error
