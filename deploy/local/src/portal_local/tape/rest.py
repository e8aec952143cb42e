"""WLCG Tape REST API v1: discovery, stage, poll, cancel, delete, release, archiveinfo."""

from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from portal_local.simulation import parse_json
from portal_local.tape import lifetimes, progress
from portal_local.tape.archive import MISSING, Archive
from portal_local.tape.paths import sanitised
from portal_local.tape.problems import DASH, Problem

SITE = "portal-local-tape"
API = "/api/v1"
LIFETIME = 86400.0  # seconds a file stays pinned when the client does not say
LARGEST = 8 * 2**20  # bytes of a body

Sent = Annotated[str, StringConstraints(min_length=1)]


class StagedFile(BaseModel):
    """Keys for other sites, and targetedMetadata, are ignored."""

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
class Manners:
    """What a site does its own way."""

    dialect: progress.Dialect = "spec"
    most_files: int | None = None  # in a stage request; more is refused
    most_told: int | None = None  # paths in one answer of archiveinfo; the rest is left out

    @property
    def api(self) -> str:
        return f"{API}/tape" if self.dialect == "dcache" else API


class TapeRest:
    def __init__(self, archive: Archive, manners: Manners | None = None) -> None:
        self._archive = archive
        self._manners = manners or Manners()

    def routes(self) -> list[Route]:
        api = self._manners.api
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
        dcache = self._manners.dialect == "dcache"
        body = await sent_body(request, StrictStageBody if dcache else StageBody, "files")
        most = self._manners.most_files
        if most is not None and len(body.files) > most:
            raise Problem(413, "Content Too Large", f"at most {most} files in a request")
        files: dict[str, float] = {}
        for number, file in enumerate(body.files):
            path, lifetime = sanitised(file.path), _lifetime(file.lifetime, number)
            files[path] = max(lifetime, files.get(path, 0.0))
        if self._manners.dialect == "storm":  # reads no lifetimes
            files = dict.fromkeys(files, LIFETIME)
        made = self._archive.stage(files)
        return JSONResponse(
            {"requestId": made}, 201, headers={"Location": f"{self._base(request)}/stage/{made}"}
        )

    def _base(self, request: Request) -> str:
        host = request.headers.get("host", "localhost")
        return f"{request.url.scheme}://{host}{self._manners.api}"

    async def poll(self, request: Request) -> Response:
        found = self._archive.ledger.request(request.path_params["id"])
        if found is None:
            raise _unknown(request)
        return JSONResponse(progress.DIALECTS[self._manners.dialect](self._archive.shown(found)))

    async def delete(self, request: Request) -> Response:
        """Cancels what is under way and forgets the request, its pins too."""
        made = request.path_params["id"]
        if self._archive.paths_of(made) is None:
            raise _unknown(request)
        self._archive.ledger.forget(made)
        return Response()

    async def cancel(self, request: Request) -> Response:
        made, paths = await self._own_paths(request)
        self._archive.ledger.cancel(made, paths)
        return Response()

    async def release(self, request: Request) -> Response:
        made, paths = await self._own_paths(request)
        self._archive.ledger.release(made, paths)
        return Response()

    async def _own_paths(self, request: Request) -> tuple[str, list[str]]:
        body = await sent_body(request, PathsBody, "paths")
        made = request.path_params["id"]
        if self._archive.paths_of(made) is None:
            raise _unknown(request)
        paths = [sanitised(path) for path in body.paths]
        foreign = self._archive.foreign(made, paths)
        if foreign is not None:
            detail = (
                f"The file {foreign} does not belong to the STAGE request {made}."
                " No modification has been made to this request."
            )
            raise Problem(400, "File missing from stage request", detail)
        return made, paths

    async def archiveinfo(self, request: Request) -> Response:
        body = await sent_body(request, PathsBody, "paths")
        paths = list(dict.fromkeys(sanitised(path) for path in body.paths))
        told = paths[: self._manners.most_told]
        return JSONResponse([self._info(path) for path in told])

    def _info(self, path: str) -> dict[str, str]:
        locality = self._archive.locality(path)
        return (
            {"path": path, "locality": locality} if locality else {"path": path, "error": MISSING}
        )


def _unknown(request: Request) -> Problem:
    made = request.path_params["id"]
    return Problem(404, "Stage request not found", f"There is no STAGE request {made}.")


def _lifetime(sent: str | None, number: int) -> float:
    if sent is None:
        return LIFETIME
    found = lifetimes.seconds(sent)
    if found is None:
        detail = f"files.{number}.diskLifetime {DASH} {sent[:40]!r} is not an ISO 8601 duration"
        raise Problem(400, "JSON Validation error", detail)
    return found


async def sent_body(request: Request, model: type[B], field: str) -> B:
    """The body as the model has it; problems name the field and say what is wrong with it."""
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > LARGEST:
            raise Problem(413, "Content Too Large", f"The limit is {LARGEST} bytes")
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
