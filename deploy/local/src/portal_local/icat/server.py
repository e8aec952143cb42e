"""HTTP server of the simulator: SOAP at /ICATService/ICAT, IDS at /ids, /health, faults for tests.

`GET /_calls` counts the calls of each operation. `POST /_faults` takes a JSON object:

- `{"expire_sessions": true}` ends every session now;
- `{"clear": true}` discards the pending faults;
- `{"delete_all": true}` deletes all records and sessions, as if the server were new;
- `{"faults": [{"fault": NAME, "count": N, "operation": "create", …}]}` makes the next N calls (of
  that operation, if given; of `wsdl`: the next N requests for the WSDL) fail: `http` (answers
  `status`, else 503), `slow` (waits `seconds`, then answers), `lock_wait` (waits `seconds`, then
  answers that a lock of the database timed out), `error` (an ICAT error of `type`, else INTERNAL,
  with `message`), `unknown_type` (an ICAT error of a type no client knows), `bare_fault` (a SOAP
  fault without detail), `html` (200 and a web page), `truncate` (half the answer), `drop_before`
  (the connection ends, nothing was done), `drop_after` (the connection ends, all was done).

`GET /_faults` lists the pending faults.
"""

import json
import logging
import re
import socket
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from urllib.parse import urlsplit

from typing_extensions import override

from portal_local.icat import faults
from portal_local.icat.beans.database_errors import LOCK_WAIT
from portal_local.icat.errors import IcatError
from portal_local.icat.faults import Fault, FaultInjector
from portal_local.icat.ids import http as ids
from portal_local.icat.operations import IcatService
from portal_local.icat.wire import body, soap
from portal_local.icat.wire.wsdl import wsdl

PATH = "/ICATService/ICAT"
IDS = "/ids/"
_MAX_BODY_BYTES = 256 << 20
_HOST = re.compile(r"[A-Za-z0-9._-]+(?::\d+)?|\[[0-9A-Fa-f:.]+\](?::\d+)?")
_LOGIN_PAGE = b"<html><head><title>Sign in</title></head><body>Please sign in.</body></html>"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes = b""
    content_type: str = "text/xml; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    cut: bool = False  # close the connection in the middle of the body
    silent: bool = False  # close the connection without a response


class IcatServer(ThreadingMixIn, TCPServer):
    """One thread per connection, which may carry many requests."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        service: IcatService,
        xsd: str,
        *,
        latency: float = 0.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.service = service
        self.xsd = xsd.encode()
        self.latency = latency
        self.injector = FaultInjector()
        super().__init__(address, Handler)
        self.scheme = "https" if tls else "http"
        if tls:  # the handshake is made by the connection's own thread
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.warning("connection with %s ended: %r", client_address, sys.exception())

    def call(self, body: bytes) -> Reply:
        """Answers one SOAP request, with the fault that is pending for it."""
        try:
            operation = soap.parse_request(body)
        except soap.NotXml:
            return Reply(500, soap.bare_fault("Failed to copy a message"))  # as Payara answers
        except soap.NotSoap as error:
            return _text(400, str(error))
        time.sleep(self.latency)
        fault = self.injector.record_call(operation.name)
        instead = _reply_instead(fault) if fault else None
        if instead is not None:
            return instead
        try:
            reply = Reply(200, soap.response(operation.name, self.service.call(operation)))
        except IcatError as error:
            reply = Reply(500, soap.fault(error))
        except Exception as error:
            logger.exception("%s failed", operation.name)
            reply = Reply(500, soap.fault(IcatError("INTERNAL", f"{type(error).__name__}")))
        return _damage(fault, reply) if fault else reply

    def description(self, address: str) -> Reply:
        """Answers with the WSDL, or with the fault that is pending for it."""
        fault = self.injector.of_wsdl()
        instead = _reply_instead(fault) if fault else None
        if instead is not None:
            return instead
        reply = Reply(200, wsdl(f"{address}{PATH}").encode())
        return _damage(fault, reply) if fault else reply


def _reply_instead(fault: Fault) -> Reply | None:
    """Returns the reply of a fault that prevents the operation."""
    if fault.fault in {"slow", "lock_wait"}:
        time.sleep(fault.seconds)
    error = IcatError(fault.type, fault.message)
    instead = {
        "http": Reply(fault.status, b"", "text/html"),
        "error": Reply(500, soap.fault(error)),
        "lock_wait": Reply(500, soap.fault(IcatError("INTERNAL", LOCK_WAIT))),
        "unknown_type": Reply(500, soap.fault(error, kind="SURPRISE")),
        "bare_fault": Reply(500, soap.bare_fault(fault.message)),
        "html": Reply(200, _LOGIN_PAGE, "text/html"),
        "drop_before": Reply(0, silent=True),
    }
    return instead.get(fault.fault)


def _damage(fault: Fault, reply: Reply) -> Reply:
    match fault.fault:
        case "drop_after":
            return Reply(0, silent=True)
        case "truncate":
            return Reply(reply.status, reply.body, cut=True)
        case _:
            return reply


def _text(status: int, message: str) -> Reply:
    return Reply(status, message.encode(errors="replace"), "text/plain; charset=utf-8")


def _json(status: int, value: object) -> Reply:
    return Reply(status, json.dumps(value).encode(), "application/json")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: IcatServer  # pyright: ignore[reportIncompatibleVariableOverride]

    @override
    def log_message(self, format: str, *args: Any) -> None:
        logger.debug(format, *args)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path.startswith(IDS) and url.path != f"{IDS}getIcatUrl":
            self._serve_ids()
            return
        match url.path, url.query.lower():
            case "/health", _:
                self._reply(_text(200, "ready\n"))
            case "/_calls", _:
                self._reply(_json(200, self.server.injector.call_counts()))
            case "/_faults", _:
                self._reply(_json(200, self.server.injector.pending()))
            case str(path), "wsdl" if path == PATH:
                self._reply(self._with_address(self.server.description))
            case "/ids/getIcatUrl", _:
                self._reply(self._with_address(lambda address: _text(200, address)))
            case str(path), "xsd=1" if path == PATH:
                self._reply(Reply(200, self.server.xsd))
            case _:
                self._reply(_text(404, "not found\n"))

    def do_PUT(self) -> None:
        self._serve_ids()

    def do_DELETE(self) -> None:
        self._serve_ids()

    def _serve_ids(self) -> None:
        url = urlsplit(self.path)
        content = body.chunks(self.headers, self.rfile)
        try:
            answer = ids.answer(
                self.server.service.ids,
                self.command,
                url.path.removeprefix(IDS),
                query=url.query,
                body=content,
                range_header=self.headers.get("Range", ""),
            )
            for _ in content:  # read the rest, so that the next request begins where it should
                pass
        except body.Malformed as error:
            self.close_connection = True
            self._reply(_text(400, str(error)))
            return
        self._reply(Reply(answer.status, answer.body, answer.type, answer.headers))

    def do_POST(self) -> None:
        if urlsplit(self.path).path.startswith(IDS):
            self._serve_ids()
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or len(length) > len(str(_MAX_BODY_BYTES)):
            self.close_connection = True
            self._reply(_text(411, "Content-Length: the number of bytes is required\n"))
            return
        if int(length) > _MAX_BODY_BYTES:
            self.close_connection = True
            self._reply(_text(413, f"the body is longer than {_MAX_BODY_BYTES} bytes\n"))
            return
        content = self.rfile.read(int(length))
        match urlsplit(self.path).path:
            case "/_faults":
                self._reply(self._inject_faults(content))
            case path if path == PATH:
                self._reply(self.server.call(content))
            case _:
                self._reply(_text(404, "not found\n"))

    def _with_address(self, answer: Callable[[str], Reply]) -> Reply:
        """Returns the answer for the address by which the client reached the server."""
        host = self.headers.get("Host") or "{}:{}".format(*self.server.server_address[:2])
        if not _HOST.fullmatch(host):
            return _text(400, "Host: not a host name with a port\n")
        return answer(f"{self.server.scheme}://{host}")

    def _inject_faults(self, body: bytes) -> Reply:
        try:
            order = faults.parse(body)
        except faults.InvalidFaultOrder as error:
            return _json(400, {"detail": str(error)})
        self.server.injector.apply(order)
        if order.delete_all:
            self.server.service.delete_all()
        expired = self.server.service.expire_sessions() if order.expire_sessions else 0
        return _json(200, {"expired_sessions": expired, "faults": self.server.injector.pending()})

    def _reply(self, reply: Reply) -> None:
        if reply.silent or reply.cut:
            self.close_connection = True
        if reply.silent:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        head = [
            f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}",
            f"Content-Type: {reply.content_type}",
            f"Content-Length: {len(reply.body)}",
            *(f"{name}: {value}" for name, value in reply.headers.items()),
            "Connection: close" if self.close_connection else "Connection: keep-alive",
        ]
        body = reply.body[: len(reply.body) // 2] if reply.cut else reply.body
        self.wfile.write("\r\n".join((*head, "", "")).encode() + body)
