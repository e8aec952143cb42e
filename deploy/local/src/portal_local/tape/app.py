"""The tape archive: its API, its door and its drives, as one ASGI application."""

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
from portal_local.tape.archive import MISSING, Archive
from portal_local.tape.buffer import Buffer
from portal_local.tape.drives import Order
from portal_local.tape.faults import FileFault
from portal_local.tape.ledger import Ledger
from portal_local.tape.paths import sanitised
from portal_local.tape.physics import Physics
from portal_local.tape.problems import Problem
from portal_local.tape.rest import API, Manners, PathsBody, TapeRest, sent_body
from portal_local.tape.shelves import Shelves
from portal_local.tape.webdav import Door

logger = logging.getLogger(__name__)

APIS = (f"{API}/tape/", f"{API}/")
NAMED = re.compile(r"^/(stage|release)/[^/]+")


@dataclass(frozen=True)
class Site:
    """Folders and hardware of an archive."""

    archive: Path
    buffer: Path
    data: Path
    drives: int = 4
    buffer_bytes: int | None = None
    physics: Physics = field(default_factory=Physics)
    manners: Manners = field(default_factory=Manners)
    order: Order = "position"


def kind_of(method: str, path: str) -> str:
    """What a call is counted as."""
    for api in APIS:
        if path.startswith(api):
            asked = NAMED.sub(r"/\1/{id}", f"/{path.removeprefix(api)}")
            return f"{method} {asked}"
    return f"{method} discovery" if path.startswith("/.well-known/") else f"{method} /{{path}}"


def assembled(site: Site, faults: simulation.Faults) -> tuple[Archive, simulation.Calls]:
    """Everything over one database."""
    root = site.archive.resolve()
    site.buffer.mkdir(parents=True, exist_ok=True)
    root.mkdir(parents=True, exist_ok=True)
    database = simulation.open_database(site.data / "tape.sqlite")
    ledger = Ledger(database)
    archive = Archive(
        root,
        ledger=ledger,
        shelves=Shelves(database, root, site.physics),
        buffer=Buffer(site.buffer.resolve(), ledger, capacity=site.buffer_bytes),
        physics=site.physics,
        drives=site.drives,
        order=site.order,
        faults=faults,
    )
    return archive, simulation.Calls(database)


def build(site: Site) -> ASGIApp:
    faults = simulation.Faults(TypeAdapter(simulation.CallFault | FileFault))
    archive, calls = assembled(site, faults)

    def facts() -> dict[str, Any]:
        return {
            "stage_requests": calls.counts()["answers"].get("POST /stage 201", 0),
            "recalls": archive.ledger.recalls(),
            "mounts": len(archive.shelves.mounts()),
        }

    def forget() -> None:
        archive.ledger.reset_recalls()
        archive.shelves.reset_mounts()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        drives = asyncio.create_task(archive.run())
        drives.add_done_callback(_end_without_drives)
        yield
        drives.cancel()
        with suppress(asyncio.CancelledError):
            await drives

    app = Starlette(
        routes=[
            *simulation.operator_routes(calls, faults, facts, forget),
            Route("/_tape", _Tapes(archive).tell),
            Route("/_tape", _Tapes(archive).places, methods=["POST"]),
            *TapeRest(archive, site.manners).routes(),
            Route("/{path:path}", Door(archive).read),
        ],
        exception_handlers={Problem: _problem, HTTPException: _unrouted},
        lifespan=lifespan,
    )
    return simulation.SimulatorMiddleware(
        app, calls=calls, faults=faults, kind_of=kind_of, refusal=problems.plain
    )


def _end_without_drives(drives: asyncio.Task[None]) -> None:
    """An archive whose drives have died must not look alive."""
    if not drives.cancelled() and drives.exception():
        logger.critical("the drives have died", exc_info=drives.exception())
        signal.raise_signal(signal.SIGTERM)


class _Tapes:
    """GET /_tape: what the library's robot knows."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def tell(self, request: Request) -> Response:
        sent = request.query_params.get("path")
        mounts = self._archive.shelves.mounts()
        if sent is None:
            drives = [vars(drive) for drive in self._archive.drives.drives]
            waiting = self._archive.drives.waiting()
            return JSONResponse({"mounts": mounts, "drives": drives, "waiting": waiting})
        path = sanitised(sent)
        place = self._archive.place(path)
        if place is None:
            raise Problem(404, "Not Found", MISSING)
        return JSONResponse(
            {"path": path, "tape": place.tape, "position": place.position, "mounts": mounts}
        )

    async def places(self, request: Request) -> Response:
        """Where each of `{"paths": […]}` lies; those that are not there are left out."""
        sent = await sent_body(request, PathsBody, "paths")
        found = ((path, self._archive.place(sanitised(path))) for path in sent.paths)
        return JSONResponse(
            [{"path": p, "tape": at.tape, "position": at.position} for p, at in found if at]
        )


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for no other
    return problems.answer(error)


async def _unrouted(_request: Request, error: Exception) -> Response:
    return problems.plain(error.status_code if isinstance(error, HTTPException) else 500)
