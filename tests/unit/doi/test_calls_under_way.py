"""How many calls DataCite has from us at a time."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from portal_doi.datacite import DataCite
from portal_doi.domain.registration import Registration
from portal_doi.settings import DoiSettings
from typing_extensions import override

MOST = 2


class Counting(BaseHTTPRequestHandler):
    """Answers what it was told, after a while; counts who is waiting."""

    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    waiting = 0
    most = 0

    def do_PUT(self) -> None:
        with self.lock:
            Counting.waiting += 1
            Counting.most = max(Counting.most, Counting.waiting)
        told = json.loads(self.rfile.read(int(self.headers["content-length"])))["data"]
        time.sleep(0.05)
        attributes = {**told["attributes"], "state": "findable", "registered": "2026-01-01"}
        body = json.dumps({"data": {"attributes": attributes}}).encode()
        with self.lock:
            Counting.waiting -= 1
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


async def test_as_many_calls_are_under_way_as_may_be_and_no_more(url: str) -> None:
    datacite = DataCite(DoiSettings(datacite_url=url, parallelism=MOST))
    meant = [Registration(f"10.5072/{n}", "https://x.example", "findable", {}) for n in range(12)]
    answers = await asyncio.gather(*(datacite.put(one) for one in meant))
    datacite.close()
    assert [answer.url for answer in answers] == ["https://x.example"] * len(meant)
    assert Counting.most == MOST
