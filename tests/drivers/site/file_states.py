"""A downloader that says where files are, and nothing else."""

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class StatesServer:
    """Answers `/data/{pid}/?file=…` like the downloader; each other file is on tape."""

    url: str = ""
    online: set[str] = field(default_factory=set[str])  # locations
    status: int = 200
    requests: list[list[str]] = field(default_factory=list[list[str]])  # locations of each

    def answer(self, query: str) -> dict[str, Any]:
        wanted = parse_qs(query)["file"]
        self.requests.append(wanted)
        states = ("ONLINE" if name in self.online else "ARCHIVED" for name in wanted)
        return {
            "files": [{"name": n, "state": s} for n, s in zip(wanted, states, strict=True)],
            "next": None,
        }


@contextmanager
def served_states() -> Generator[StatesServer]:
    found = StatesServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps(found.answer(urlsplit(self.path).query)).encode()
            self.send_response(found.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Writes nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
