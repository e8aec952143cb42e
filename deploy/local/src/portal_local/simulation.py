"""What the simulators share: serving, state on disk, counted calls, and faults on request.

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

GRACE = 2  # seconds for answers under way when asked to stop


def arguments(program: str, description: str | None) -> argparse.ArgumentParser:
    """The options every simulator has; port 0 takes a free one and prints it."""
    parser = argparse.ArgumentParser(program, description=description)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    return parser


class Connection(H11Protocol):
    """uvicorn's protocol, known by the client's address, so that a fault can cut it."""

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


async def cut(scope: Scope) -> None:
    """Reset the connection of this request: the client gets no byte of an answer."""
    transport = Connection.open.get(tuple(scope.get("client") or ()))  # type: ignore[arg-type]
    if transport is not None:
        transport.abort()
    await asyncio.sleep(0)


def serve(app: ASGIApp, host: str, port: int) -> None:
    """Listen, print the address as one line on standard output, and serve until told to stop."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named: asyncio turns Nagle's delay off only for sockets that say TCP.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.listen(512)
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    print(f"http://{shown}:{listening.getsockname()[1]}", flush=True)  # noqa: T201
    config = uvicorn.Config(
        app, http=Connection, log_level="warning", timeout_graceful_shutdown=GRACE
    )
    uvicorn.Server(config).run(sockets=[listening])


def opened(path: Path) -> sqlite3.Connection:
    """A database that a killed process leaves whole, with all that was committed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.row_factory = sqlite3.Row
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    return database


@contextmanager
def transaction(database: sqlite3.Connection) -> Generator[None]:
    """All of it or nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


class Calls:
    """How often each kind of call came, and how it was answered; kept over restarts."""

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

    def told(self) -> dict[str, dict[str, int]]:
        """`calls` by kind, `answers` by kind and status, as in "PUT /dois/{doi} 201"."""
        counted: dict[str, int] = dict(
            self._database.execute("SELECT name, count FROM calls ORDER BY name").fetchall()
        )
        answers = {name: n for name, n in counted.items() if name[-3:].isdigit()}
        return {"calls": {k: n for k, n in counted.items() if k not in answers}, "answers": answers}

    def reset(self) -> None:
        self._database.execute("DELETE FROM calls")


DEEPEST = 64  # levels of JSON that any of our protocols could need


def parsed(body: bytes) -> Any:
    """JSON, or ValueError also for what Python would take and nobody could write back.

    That is NaN and infinities, halves of surrogate pairs, and nesting without end.
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
    for _ in range(DEEPEST):
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
    """Something that goes wrong `times` times (None: until the faults are cleared)."""

    model_config = ConfigDict(extra="forbid")

    times: Annotated[int, Field(ge=1)] | None = 1


class CallFault(Fault):
    """A fault of the next calls of a `kind` (as /_calls names it), or of any kind."""

    effect: Literal["status", "html", "drop", "slow"]
    kind: str | None = None
    status: Annotated[int, Field(ge=200, le=599)] = 503
    retry_after: Annotated[int, Field(ge=0)] | None = None
    when: Literal["before", "after"] = "before"  # the call has, or has not, done its work
    seconds: Annotated[float, Field(gt=0, le=3600)] = 1.0


F = TypeVar("F", bound=Fault)


class Faults:
    """The faults that wait for their occasion, oldest first."""

    def __init__(self, accepted: TypeAdapter[Any]) -> None:
        self.accepted = accepted
        self._waiting: list[Fault] = []

    def add(self, faults: Iterable[Fault]) -> None:
        self._waiting.extend(faults)

    def peek(self, cls: type[F], applies: Callable[[F], bool]) -> F | None:
        """The first fault that applies, left waiting."""
        for fault in self._waiting:
            if isinstance(fault, cls) and applies(fault):
                return fault
        return None

    def take(self, cls: type[F], applies: Callable[[F], bool]) -> F | None:
        """The first fault that applies; it has happened once more."""
        fault = self.peek(cls, applies)
        if fault is not None and fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                self._waiting.remove(fault)
        return fault

    def told(self) -> list[dict[str, Any]]:
        return [fault.model_dump(mode="json") for fault in self._waiting]

    def clear(self) -> None:
        self._waiting.clear()


class Simulated:
    """The outermost layer of a simulator: counts each call, then lets the faults have it.

    It answers `latency` seconds after it was called, and does the work halfway.
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
            await self._suffer(fault, scope, receive, counted)

    async def _suffer(self, fault: CallFault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.effect == "slow":
            await asyncio.sleep(fault.seconds)
            await self._app(scope, receive, send)
            return
        if fault.when == "after":
            await self._app(scope, receive, _unheard)
        if fault.effect == "drop":
            await cut(scope)
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


async def _unheard(_message: Message) -> None:
    """Where an answer goes that the client shall not get."""


def knobs(
    calls: Calls,
    faults: Faults,
    facts: Callable[[], Mapping[str, Any]] = dict,
    forget: Callable[[], None] = lambda: None,
) -> list[Route]:
    """The routes of a simulator's operators; `facts` joins /_calls, `forget` its reset."""

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def counts(request: Request) -> Response:
        if request.method == "DELETE":
            calls.reset()
            forget()
            return Response(status_code=204)
        return JSONResponse({**calls.told(), **facts()})

    async def wanted(request: Request) -> Response:
        if request.method == "DELETE":
            faults.clear()
            return Response(status_code=204)
        if request.method == "POST":
            try:
                sent = parsed(await request.body())
                asked = [faults.accepted.validate_python(f) for f in _listed(sent)]
            except ValidationError as error:
                told = error.errors(include_url=False, include_context=False, include_input=False)
                return JSONResponse({"errors": told}, 422)
            except ValueError as error:
                return JSONResponse({"errors": [{"msg": f"not JSON: {error}"}]}, 400)
            faults.add(asked)
        return JSONResponse(faults.told())

    return [
        Route("/health", health),
        Route("/_calls", counts, methods=["GET", "DELETE"]),
        Route("/_faults", wanted, methods=["GET", "POST", "DELETE"]),
    ]


def _listed(sent: object) -> list[object]:
    return sent if isinstance(sent, list) else [sent]  # pyright: ignore[reportUnknownVariableType]
