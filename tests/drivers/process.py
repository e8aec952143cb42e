"""Servers that tests start: each on a free port, ready when it answers, ended by its own handle."""

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from pathlib import Path

import httpx
import uvicorn
from portal_local.launcher.ports import free_port, listens, wait_until
from portal_local.launcher.processes import Child
from starlette.types import ASGIApp

from tests.drivers import plain_http
from tests.drivers.forks import children

START_SECONDS = 60.0


class ServerProcess:
    """A Python program that serves on one port; started again, it has the same port and folder.

    `arguments` follow the interpreter, as in `("-m", "portal_local.tape", "--archive", "…")`; the
    port is appended as `--port N`. The server is ready when `health` answers 200, or, without
    `health`, when it listens. Its output is in `<folder>/<name>.log`.
    """

    def __init__(
        self,
        name: str,
        *arguments: str,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        health: str | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = dict(environment or {})
        self.log = folder / f"{name}.log"
        self.child: Child | None = None
        self._command = [*prefix, sys.executable, *arguments, "--port", str(self.port)]
        self._health = health

    @property
    def pid(self) -> int:
        """Process id. Raises RuntimeError while the server is not started."""
        if self.child is None:
            raise RuntimeError(f"{self.name} is not started")
        return self.child.pid

    @property
    def is_running(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def start(self, seconds: float = START_SECONDS) -> None:
        """Start and wait until it is ready. Raises NotStarted when it ends or time runs out."""
        self.launch()
        self.wait_ready(seconds)

    def launch(self) -> None:
        """Start without waiting: several servers become ready side by side."""
        self.child = children.start_child(
            self.name, self._command, log=self.log, environment=self.environment
        )

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        assert self.child is not None, "launch() comes first"
        wait_until(self._is_ready, self.child, seconds)

    def stop(self) -> None:
        """SIGTERM, then wait; harmless when it does not run."""
        if self.child is not None:
            self.child.stop()

    def kill(self) -> None:
        """SIGKILL; harmless when it does not run."""
        if self.child is not None:
            self.child.kill()

    def _is_ready(self) -> bool:
        if self._health is None:
            return listens(self.port)
        try:
            return plain_http.get(f"{self.url}{self._health}").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


def service_process(
    service: str,
    *,
    folder: Path,
    environment: Mapping[str, str],
    prefix: Sequence[str] = (),
) -> ServerProcess:
    """A service of the portal (`doi`, `downloader`, …) in a process of its own; not yet started."""
    return ServerProcess(
        service,
        *("-m", "uvicorn", "--factory", f"portal_{service}.app:build", "--no-access-log"),
        folder=folder,
        environment=environment,
        health="/health",
        prefix=prefix,
    )


@contextlib.contextmanager
def running(app: ASGIApp, *, lifespan: bool = False, port: int = 0) -> Iterator[str]:
    """Serve an ASGI application from a thread; yields its address."""
    config = uvicorn.Config(
        app,
        port=port,
        lifespan="on" if lifespan else "off",
        log_level="warning",
        log_config=None,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        assert thread.is_alive(), "the server ended at its start"
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.005)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(30)


@contextlib.asynccontextmanager
async def served(app: ASGIApp) -> AsyncGenerator[int]:
    """Serve an application, entered already, in this event loop; yields its port."""
    config = uvicorn.Config(app, port=0, lifespan="off", log_level="warning", log_config=None)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task
