"""A port of its own for the routes of operators, in services whose other port is for readers."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI
from typing_extensions import override

from portal_shared.runtime.errors import Conflict
from portal_shared.runtime.logs import logger
from portal_shared.runtime.settings import ReadersSettings

log = logger(__name__)

GRACE_SECONDS = 1  # for requests of operators, when the service has ended
BACKLOG = 64


class _Server(uvicorn.Server):
    """A server that leaves signals to the one of readers."""

    @override
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def open_port(app: FastAPI, settings: ReadersSettings) -> AsyncGenerator[int]:
    """Serves the application while the block runs; yields the port.

    Raises Conflict if the address cannot be used: a service without it could not be watched.
    """
    listener = _listen(settings.operator_host, settings.operator_port)
    port = int(listener.getsockname()[1])
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="operator port")
    log.info("operator port open", host=settings.operator_host, port=port)
    try:
        yield port
    finally:
        server.should_exit = True
        with contextlib.suppress(Exception):
            await task
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        raise Conflict(
            f"PORTAL_OPERATOR_HOST={host}, PORTAL_OPERATOR_PORT={port}: {error.strerror or error};"
            " choose a port that is free"
        ) from error
    return listener
