"""A web site of its own whose gateway fails, or sends other records, when a test says so."""

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler
from typing import Any

import httpx
from portal_local.launcher.ports import listens, wait_until
from portal_local.launcher.processes import Child
from portal_local.launcher.site import site

from tests.drivers import plain_http

PASSED = ("content-type", "link", "retry-after")
DEADLINE_MS = "1500"
Change = Callable[[str, Any], Any]  # a path and its JSON, to the JSON that the site gets


@dataclass
class FaultyGateway:
    """A relay to a real gateway. It answers at once unless a test sets a fault."""

    target: str
    status: int | None = None  # instead of the gateway's answer
    change: Change | None = None
    answers: dict[str, tuple[int, Any]] = field(  # of these paths: status and JSON
        default_factory=dict[str, tuple[int, Any]]
    )
    open: threading.Event = field(default_factory=threading.Event)  # cleared: no answer yet
    site_url: str = ""
    server: ThreadingHTTPServer | None = None

    def leave(self) -> None:
        """Ends the relay: connections are refused until `come_back`."""
        assert self.server is not None
        self.server.shutdown()
        self.server.server_close()

    def come_back(self) -> None:
        """Listens at the same address again."""
        assert self.server is not None
        self.server = _listening(self.server.server_port, self.server.RequestHandlerClass)

    def answer(self, path: str, client: httpx.Client) -> tuple[int, dict[str, str], bytes]:
        """Returns status, headers and content of GET `path`."""
        self.open.wait(60)
        if self.status is not None:
            problem = {"title": "Not available", "status": self.status, "detail": "A fault"}
            headers = {"content-type": "application/problem+json", "retry-after": "7"}
            return self.status, headers, json.dumps(problem).encode()
        if path in self.answers:
            status, members = self.answers[path]
            kind = "application/problem+json" if status >= 400 else "application/json"
            return status, {"content-type": kind}, json.dumps(members).encode()
        found = client.get(path, headers={"accept": "application/json"})
        headers = {name: found.headers[name] for name in PASSED if name in found.headers}
        content = found.content
        if self.change and "json" in headers.get("content-type", ""):
            content = json.dumps(self.change(path, found.json())).encode()
        return found.status_code, headers, content


def _listening(port: int, handler: type[BaseRequestHandler]) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@contextmanager
def faulty_site(gateway_url: str, folder: Path) -> Generator[FaultyGateway]:
    """Runs a relay and a site that reads from it."""
    with plain_http.client(gateway_url, timeout=60) as client:
        relay = FaultyGateway(gateway_url)
        relay.open.set()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, headers, content = relay.answer(self.path, client)
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(ConnectionError):  # the site waits no longer
                    self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Writes nothing."""

        relay.server = _listening(0, Handler)
        component = site(f"http://127.0.0.1:{relay.server.server_port}")
        environment = {**component.environment, "PORTAL_GATEWAY_DEADLINE_MS": DEADLINE_MS}
        for name in ("PROTOCOL_HEADER", "HOST_HEADER"):  # no proxy is in front of this one
            del environment[name]
        environment["ORIGIN"] = component.url
        child = Child("site", component.command, log=folder / "site.log", environment=environment)
        try:
            wait_until(lambda: listens(component.port), child, 60)
            relay.site_url = component.url
            yield relay
        finally:
            relay.open.set()
            child.stop()
            relay.leave()
