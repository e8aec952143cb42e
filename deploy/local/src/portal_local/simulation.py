"""Parts that all simulators share: HTTP server, state on disk, call counts, injected faults.

Every simulator answers GET /health, GET and DELETE /_calls, and GET, POST and DELETE /_faults.
"""

import argparse
import asyncio
import json
import socket
import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import uvicorn
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

GRACE_SECONDS = 2  # for running requests when the simulator stops


def argument_parser(program: str, description: str | None) -> argparse.ArgumentParser:
    """Returns a parser with the options of every simulator."""
    parser = argparse.ArgumentParser(program, description=description)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes a free port (default)")
    return parser


class Connection(H11Protocol):
    """HTTP connection that is found by the client's address, so that a fault can reset it."""

    open: ClassVar[dict[tuple[str, int], asyncio.Transport]] = {}

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        if self.client:
            self.open[self.client] = transport

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.client:
            self.open.pop(self.client, None)


async def reset_connection(scope: Scope) -> None:
    """Resets the connection of this request: the client receives no byte of a response."""
    transport = Connection.open.get(tuple(scope.get("client") or ()))  # type: ignore[arg-type]
    if transport is not None:
        transport.abort()
    await asyncio.sleep(0)


def serve(app: ASGIApp, host: str, port: int) -> None:
    """Listens, prints the URL as one line on standard output, and serves until SIGTERM."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # IPPROTO_TCP is explicit: asyncio switches Nagle's delay off only for such sockets.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.listen(512)
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    print(f"http://{shown}:{listening.getsockname()[1]}", flush=True)  # noqa: T201
    config = uvicorn.Config(
        app, http=Connection, log_level="warning", timeout_graceful_shutdown=GRACE_SECONDS
    )
    uvicorn.Server(config).run(sockets=[listening])


def open_database(path: Path) -> sqlite3.Connection:
    """Opens a SQLite database that keeps every commit when the process is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.row_factory = sqlite3.Row
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("PRAGMA wal_autocheckpoint = 250")  # pages of the log: 1 MB on the disk
    return database


@contextmanager
def transaction(database: sqlite3.Connection) -> Generator[None]:
    """Commits the block as one transaction; rolls it back if it raises."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


class Calls:
    """Counts requests by kind and responses by status. The counts survive a restart."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.execute(
            "CREATE TABLE IF NOT EXISTS calls (name TEXT PRIMARY KEY, count INTEGER NOT NULL)"
        )

    def count(self, name: str) -> None:
        self._database.execute(
            "INSERT INTO calls VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET count = count + 1",
            (name,),
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """Returns `calls` by kind and `answers` by kind and status ("PUT /dois/{doi} 201")."""
        counted: dict[str, int] = dict(
            self._database.execute("SELECT name, count FROM calls ORDER BY name").fetchall()
        )
        answers = {name: n for name, n in counted.items() if name[-3:].isdigit()}
        return {"calls": {k: n for k, n in counted.items() if k not in answers}, "answers": answers}

    def reset(self) -> None:
        self._database.execute("DELETE FROM calls")


MAX_JSON_DEPTH = 64  # nesting levels; more than any of the simulated protocols needs


def parse_json(body: bytes) -> Any:
    """Parses strict JSON.

    Raises ValueError also for what Python accepts but JSON does not: NaN, infinities, lone
    surrogates; and for more than MAX_JSON_DEPTH levels.
    """
    try:
        value = json.loads(body, parse_constant=_refused_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    _check_depth(value)
    return value


def _refused_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())  # pyright: ignore[reportUnknownArgumentType]
            elif isinstance(item, list):
                inner.extend(item)  # pyright: ignore[reportUnknownArgumentType]
        if not inner:
            return
        level = inner
    raise ValueError("nested too deeply")


class Fault(BaseModel):
    """An error that the simulator produces `times` times (None: until the faults are deleted)."""

    model_config = ConfigDict(extra="forbid")

    times: Annotated[int, Field(ge=1)] | None = 1


class CallFault(Fault):
    """A fault of the next requests of a `kind` (a name in /_calls), or of any kind."""

    effect: Literal["status", "html", "drop", "slow"]
    kind: str | None = None
    status: Annotated[int, Field(ge=200, le=599)] = 503
    retry_after: Annotated[int, Field(ge=0)] | None = None
    when: Literal["before", "after"] = "before"  # the request was processed or not
    seconds: Annotated[float, Field(gt=0, le=3600)] = 1.0


F = TypeVar("F", bound=Fault)


class Faults:
    """The faults that have not happened yet, oldest first."""

    def __init__(self, accepted: TypeAdapter[Any]) -> None:
        self.accepted = accepted
        self._waiting: list[Fault] = []

    def add(self, faults: Iterable[Fault]) -> None:
        self._waiting.extend(faults)

    def peek(self, cls: type[F], applies: Callable[[F], bool]) -> F | None:
        """Returns the first fault that applies and leaves it in the list."""
        for fault in self._waiting:
            if isinstance(fault, cls) and applies(fault):
                return fault
        return None

    def take(self, cls: type[F], applies: Callable[[F], bool]) -> F | None:
        """Returns the first fault that applies and counts it as having happened once more."""
        fault = self.peek(cls, applies)
        if fault is not None and fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                self._waiting.remove(fault)
        return fault

    def pending(self) -> list[dict[str, Any]]:
        return [fault.model_dump(mode="json") for fault in self._waiting]

    def clear(self) -> None:
        self._waiting.clear()


class SimulatorMiddleware:
    """Outermost ASGI layer of a simulator: counts each request and applies the faults.

    It responds `latency` seconds after the request and does the work after half of that time.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        calls: Calls,
        faults: Faults,
        kind_of: Callable[[str, str], str],
        refusal: Callable[[int, str], Response],
        latency: float = 0.0,
    ) -> None:
        self._app = app
        self._calls = calls
        self._faults = faults
        self._kind_of = kind_of
        self._refusal = refusal
        self._latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_") or scope["path"] == "/health":
            await self._app(scope, receive, send)
            return
        kind = self._kind_of(scope["method"], scope["path"])
        self._calls.count(kind)

        answered_at = time.monotonic() + self._latency

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._calls.count(f"{kind} {message['status']}")
                await asyncio.sleep(max(0.0, answered_at - time.monotonic()))
            await send(message)

        await asyncio.sleep(self._latency / 2)
        fault = self._faults.take(CallFault, lambda f: f.kind in (None, kind))
        if fault is None:
            await self._app(scope, receive, counted)
        else:
            await self._apply_fault(fault, scope, receive, counted)

    async def _apply_fault(
        self, fault: CallFault, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if fault.effect == "slow":
            await asyncio.sleep(fault.seconds)
            await self._app(scope, receive, send)
            return
        if fault.when == "after":
            await self._app(scope, receive, _discard)
        if fault.effect == "drop":
            await reset_connection(scope)
            return
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        if fault.effect == "html":
            answer: Response = HTMLResponse(
                "<html><body><h1>We'll be back soon</h1></body></html>", fault.status, headers
            )
        else:
            answer = self._refusal(fault.status, "This fault was asked for")
            answer.headers.update(headers)
        await answer(scope, receive, send)


async def _discard(_message: Message) -> None:
    """Drops a response that the client must not receive."""


def operator_routes(
    calls: Calls,
    faults: Faults,
    facts: Callable[[], Mapping[str, Any]] = dict,
    forget: Callable[[], None] = lambda: None,
) -> list[Route]:
    """Returns the routes /health, /_calls and /_faults.

    `facts` adds fields to GET /_calls; `forget` is called by DELETE /_calls.
    """

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def counts(request: Request) -> Response:
        if request.method == "DELETE":
            calls.reset()
            forget()
            return Response(status_code=204)
        return JSONResponse({**calls.counts(), **facts()})

    async def pending_faults(request: Request) -> Response:
        if request.method == "DELETE":
            faults.clear()
            return Response(status_code=204)
        if request.method == "POST":
            try:
                sent = parse_json(await request.body())
                new = [faults.accepted.validate_python(f) for f in _as_list(sent)]
            except ValidationError as error:
                errors = error.errors(include_url=False, include_context=False, include_input=False)
                return JSONResponse({"errors": errors}, 422)
            except ValueError as error:
                return JSONResponse({"errors": [{"msg": f"not JSON: {error}"}]}, 400)
            faults.add(new)
        return JSONResponse(faults.pending())

    return [
        Route("/health", health),
        Route("/_calls", counts, methods=["GET", "DELETE"]),
        Route("/_faults", pending_faults, methods=["GET", "POST", "DELETE"]),
    ]


def _as_list(sent: object) -> list[object]:
    return sent if isinstance(sent, list) else [sent]  # pyright: ignore[reportUnknownVariableType]
