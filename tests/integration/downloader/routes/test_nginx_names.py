"""nginx follows a service to another address, and believes only the proxies that it is given."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from portal_local.launcher.ports import free_port
from typing_extensions import override

from tests.drivers.deployment.name_server import NameServer
from tests.drivers.nginx import Nginx
from tests.drivers.nginx import program as nginx_program

ATTEMPTS = 2000  # each a new connection: nginx resolves a name again after five seconds


class Handler(BaseHTTPRequestHandler):
    """Answers with its own address and what it learns about the reader."""

    def do_GET(self) -> None:
        host, *_ = self.connection.getsockname()
        forwarded = [self.headers.get(f"X-Forwarded-{name}", "") for name in ("For", "Proto")]
        content = " ".join([str(host), *forwarded]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """A port on which two addresses of this machine answer."""
    found = free_port()
    with ExitStack() as stack:
        for host in ("127.0.0.1", "127.0.0.2"):
            server = stack.enter_context(ThreadingHTTPServer((host, found), Handler))
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            stack.callback(server.shutdown)
        yield found


def test_a_service_is_found_again_at_another_address(port: int, tmp_path: Path) -> None:
    if nginx_program() is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    with NameServer("127.0.0.1") as names, httpx.Client(trust_env=False) as client:
        url = f"http://gateway.test:{port}"
        nginx = Nginx(
            tmp_path, downloader=url, gateway=url, cache=tmp_path, resolver=names.endpoint
        )
        try:
            assert client.get(f"{nginx.url}/api/x").text.split()[0] == "127.0.0.1"
            names.address = "127.0.0.2"
            found = (client.get(f"{nginx.url}/api/x").text.split()[0] for _ in range(ATTEMPTS))
            pause = threading.Event()
            assert any(host == "127.0.0.2" or pause.wait(0.05) for host in found)
        finally:
            nginx.stop()


@pytest.mark.parametrize(
    ("trusted", "expected"),
    [("", "127.0.0.1 http"), ("set_real_ip_from 127.0.0.1;", "192.0.2.7 https")],
    ids=["nobody", "the proxy in front"],
)
def test_only_a_trusted_proxy_states_who_the_reader_is(
    port: int, tmp_path: Path, trusted: str, expected: str
) -> None:
    if nginx_program() is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    url = f"http://127.0.0.1:{port}"
    headers = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    nginx = Nginx(tmp_path, downloader=url, gateway=url, cache=tmp_path, trusted=trusted)
    try:
        for path in ("/api/x", "/data/x", "/search"):
            answer = httpx.get(f"{nginx.url}{path}", headers=headers, trust_env=False)
            assert answer.text == f"127.0.0.1 {expected}"
    finally:
        nginx.stop()
