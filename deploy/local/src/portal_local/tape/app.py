"""The tape archive as one ASGI application: REST API, file server and drives."""

import asyncio
import logging
import re
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from portal_local import simulation
from portal_local.tape import problems
from portal_local.tape.api.file_server import FileServer
from portal_local.tape.api.rest import API, PathsBody, SiteBehaviour, TapeRestApi, parse_body
from portal_local.tape.library.archive import MISSING, Archive
from portal_local.tape.library.buffer import Buffer
from portal_local.tape.library.catalogue import TapeCatalogue
from portal_local.tape.library.drives import Order
from portal_local.tape.library.faults import FileFault
from portal_local.tape.library.physics import Physics
from portal_local.tape.library.request_store import RequestStore
from portal_local.tape.paths import sanitize
from portal_local.tape.problems import Problem

logger = logging.getLogger(__name__)

APIS = (f"{API}/tape/", f"{API}/")
ID_PATTERN = re.compile(r"^/(stage|release)/[^/]+")


@dataclass(frozen=True)
class Site:
    """Folders, hardware and behaviour of a simulated archive."""

    archive: Path
    buffer: Path
    data: Path
    drives: int = 4
    buffer_bytes: int | None = None
    physics: Physics = field(default_factory=Physics)
    behaviour: SiteBehaviour = field(default_factory=SiteBehaviour)
    order: Order = "position"


def call_kind(method: str, path: str) -> str:
    """Returns the name under which a call is counted."""
    for api in APIS:
        if path.startswith(api):
            route = ID_PATTERN.sub(r"/\1/{id}", f"/{path.removeprefix(api)}")
            return f"{method} {route}"
    return f"{method} discovery" if path.startswith("/.well-known/") else f"{method} /{{path}}"


def make_archive(site: Site, faults: simulation.Faults) -> tuple[Archive, simulation.Calls]:
    """Creates all parts of the archive over one database."""
    root = site.archive.resolve()
    site.buffer.mkdir(parents=True, exist_ok=True)
    root.mkdir(parents=True, exist_ok=True)
    database = simulation.open_database(site.data / "tape.sqlite")
    requests = RequestStore(database)
    archive = Archive(
        root,
        requests=requests,
        catalogue=TapeCatalogue(database, root, site.physics),
        buffer=Buffer(site.buffer.resolve(), requests, capacity=site.buffer_bytes),
        physics=site.physics,
        drives=site.drives,
        order=site.order,
        faults=faults,
    )
    return archive, simulation.Calls(database)


def build(site: Site) -> ASGIApp:
    faults = simulation.Faults(TypeAdapter(simulation.CallFault | FileFault))
    archive, calls = make_archive(site, faults)

    def status() -> dict[str, Any]:
        return {
            "stage_requests": calls.counts()["answers"].get("POST /stage 201", 0),
            "recalls": archive.requests.recall_counts(),
            "mounts": len(archive.catalogue.mounts()),
        }

    def reset() -> None:
        archive.requests.reset_recalls()
        archive.catalogue.reset_mounts()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        drives = asyncio.create_task(archive.run())
        drives.add_done_callback(_stop_if_drives_failed)
        yield
        drives.cancel()
        with suppress(asyncio.CancelledError):
            await drives

    app = Starlette(
        routes=[
            *simulation.operator_routes(calls, faults, status, reset),
            Route("/_tape", TapeRoutes(archive).status),
            Route("/_tape", TapeRoutes(archive).locations, methods=["POST"]),
            *TapeRestApi(archive, site.behaviour).routes(),
            Route("/{path:path}", FileServer(archive).read),
        ],
        exception_handlers={Problem: _problem, HTTPException: _http_error},
        lifespan=lifespan,
    )
    return simulation.SimulatorMiddleware(
        app, calls=calls, faults=faults, kind_of=call_kind, refusal=problems.status_response
    )


def _stop_if_drives_failed(drives: asyncio.Task[None]) -> None:
    """Ends the process when the drives have failed, so that the archive does not look alive."""
    if not drives.cancelled() and drives.exception():
        logger.critical("the drives have failed", exc_info=drives.exception())
        signal.raise_signal(signal.SIGTERM)


class TapeRoutes:
    """GET and POST /_tape: positions of files, mounts and queues."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def status(self, request: Request) -> Response:
        text = request.query_params.get("path")
        mounts = self._archive.catalogue.mounts()
        if text is None:
            drives = [vars(drive) for drive in self._archive.drives.drives]
            waiting = self._archive.drives.waiting()
            return JSONResponse({"mounts": mounts, "drives": drives, "waiting": waiting})
        path = sanitize(text)
        position = self._archive.position(path)
        if position is None:
            raise Problem(404, "Not Found", MISSING)
        return JSONResponse(
            {"path": path, "tape": position.tape, "position": position.position, "mounts": mounts}
        )

    async def locations(self, request: Request) -> Response:
        """Returns the position of each of `{"paths": […]}`; unknown paths are left out."""
        sent = await parse_body(request, PathsBody, "paths")
        found = ((path, self._archive.position(sanitize(path))) for path in sent.paths)
        return JSONResponse(
            [{"path": p, "tape": at.tape, "position": at.position} for p, at in found if at]
        )


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for no other
    return problems.problem_response(error)


async def _http_error(_request: Request, error: Exception) -> Response:
    return problems.status_response(error.status_code if isinstance(error, HTTPException) else 500)
