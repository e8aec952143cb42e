"""A large file in ranges, several at once, given in their order: a line alone is often slow."""

import threading
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

RANGE = 8 * 1_048_576
LARGE = 4 * RANGE  # what is left of a file, for it to be worth it
LATER = (429, 500, 502, 503, 504)
PARTIAL = 206


class Interrupted(Exception):
    """The user has had enough; what came is kept for the next time."""


class Later(Exception):
    """The portal says to come again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"in {seconds} s")
        self.seconds = seconds


class NoRanges(Exception):
    """The file has changed, or comes only as a whole."""


@dataclass(frozen=True)
class Ranged:
    """A file at the portal; `stop` ends all that is on its way."""

    client: httpx.Client
    address: str
    etag: str
    size: int
    stop: threading.Event

    @contextmanager
    def from_(self, start: int, at_once: int) -> Generator[Generator[bytes]]:
        """Its bytes from there on; no more than twice `at_once` ranges are in memory.

        Reading raises Later, NoRanges, Interrupted and httpx.HTTPError.
        """
        pool = ThreadPoolExecutor(at_once)
        try:
            yield self._in_order(pool, start, at_once)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _in_order(self, pool: ThreadPoolExecutor, start: int, at_once: int) -> Generator[bytes]:
        coming: deque[Future[bytes]] = deque()
        at = start
        while coming or at < self.size:
            while at < self.size and len(coming) < at_once + 1:
                coming.append(pool.submit(self._one, at, min(at + RANGE, self.size)))
                at += RANGE
            yield coming.popleft().result()

    def _one(self, first: int, end: int) -> bytes:
        headers = {"Range": f"bytes={first}-{end - 1}", "If-Range": self.etag}
        with self.client.stream("GET", self.address, headers=headers) as answer:
            if answer.status_code in LATER:
                raise Later(seconds(answer.headers.get("retry-after")))
            told = answer.headers.get("content-range", "")
            if answer.status_code != PARTIAL or not told.startswith(f"bytes {first}-{end - 1}/"):
                raise NoRanges
            body = bytearray()
            for chunk in answer.iter_raw():
                if self.stop.is_set():
                    raise Interrupted
                body += chunk
        if len(body) != end - first:
            raise httpx.RemoteProtocolError(f"{len(body)} bytes came of a range of {end - first}")
        return bytes(body)


def seconds(sent: str | None) -> float:
    """Of a Retry-After; what is no number, or far off, is a guess of ours."""
    return min(float(sent), 30.0) if sent and sent.isascii() and sent.isdigit() else 1.0
