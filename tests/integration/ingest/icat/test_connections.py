"""The connection to ICAT: reused, replaced when the server closed it; each request is sent once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import URLError
from urllib.request import Request

import pytest
from portal_ingest.icat.transport import KeepAliveTransport


class Server(ThreadingHTTPServer):
    """Answers with the number of the connection; can end connections before or after an answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.connections = 0
        self.requests = 0
        self.ends_after_answer = False
        self.ends_instead = False
        self.ended = threading.Event()

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.ended.set()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1
        self.number = self.server.connections

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests += 1
        self.close_connection = self.server.ends_after_answer or self.server.ends_instead
        if not self.server.ends_instead:
            answer = str(self.number).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    def log_message(self, *_arguments: Any) -> None:
        pass


@contextmanager
def served() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def connection_of(transport: KeepAliveTransport, server: Server) -> int:
    """Sends a request; returns the number of the connection that it came by."""
    request = Request(f"http://127.0.0.1:{server.server_port}/", data=b"<x/>")
    return int(transport.u2open(request, timeout=30).read())


def test_requests_of_a_client_share_a_connection() -> None:
    with served() as server:
        transport = KeepAliveTransport(None)
        assert [connection_of(transport, server) for _ in range(3)] == [1, 1, 1]
        transport.close()


def test_a_connection_that_icat_has_closed_is_replaced() -> None:
    with served() as server:
        transport = KeepAliveTransport(None)
        server.ends_after_answer = True
        assert connection_of(transport, server) == 1
        assert server.ended.wait(30)
        assert connection_of(transport, server) == 2
        transport.close()


def test_a_request_whose_answer_is_lost_is_not_sent_again() -> None:
    with served() as server:
        transport = KeepAliveTransport(None)
        assert connection_of(transport, server) == 1
        server.ends_instead = True
        with pytest.raises(URLError):
            connection_of(transport, server)
        assert server.requests == 2
        transport.close()
