"""Reads a large file in parallel ranges, in order: a single connection is often slow."""

import threading
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

RANGE_BYTES = 8 * 1_048_576
MIN_BYTES_FOR_RANGES = 4 * RANGE_BYTES  # for less, ranges are not worth their requests
RETRY_STATUSES = (429, 500, 502, 503, 504)
PARTIAL_CONTENT = 206
DEFAULT_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1.0, 30.0


class Interrupted(Exception):
    """The user stopped the download. Partial files stay for the next run."""


class RetryLater(Exception):
    """The portal cannot deliver now; the request may succeed after some seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"in {seconds} s")
        self.seconds = seconds


class RangesUnsupported(Exception):
    """The file has changed, or the server delivers it only as a whole."""


@dataclass(frozen=True)
class RangeReader:
    """Reads a file of the portal; `stop` interrupts all running requests."""

    client: httpx.Client
    address: str
    etag: str
    size: int
    stop: threading.Event

    @contextmanager
    def read_from(self, start: int, parallel: int) -> Generator[Generator[bytes]]:
        """Yields the bytes from `start` on; at most 2 x `parallel` ranges are in memory.

        Reading raises RetryLater, RangesUnsupported, Interrupted and httpx.HTTPError.
        """
        pool = ThreadPoolExecutor(parallel)
        try:
            yield self._read_in_order(pool, start, parallel)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _read_in_order(
        self, pool: ThreadPoolExecutor, start: int, parallel: int
    ) -> Generator[bytes]:
        pending: deque[Future[bytes]] = deque()
        position = start
        while pending or position < self.size:
            while position < self.size and len(pending) < parallel + 1:
                end = min(position + RANGE_BYTES, self.size)
                pending.append(pool.submit(self._read_range, position, end))
                position += RANGE_BYTES
            yield pending.popleft().result()

    def _read_range(self, first: int, end: int) -> bytes:
        headers = {"Range": f"bytes={first}-{end - 1}", "If-Range": self.etag}
        expected = f"bytes {first}-{end - 1}/"
        with self.client.stream("GET", self.address, headers=headers) as response:
            if response.status_code in RETRY_STATUSES:
                raise RetryLater(retry_after_seconds(response.headers.get("retry-after")))
            content_range = response.headers.get("content-range", "")
            is_partial = response.status_code == PARTIAL_CONTENT
            if not is_partial or not content_range.startswith(expected):
                raise RangesUnsupported
            body = bytearray()
            for chunk in response.iter_raw():
                if self.stop.is_set():
                    raise Interrupted
                body += chunk
        if len(body) != end - first:
            raise httpx.RemoteProtocolError(
                f"received {len(body)} bytes of a range of {end - first} bytes"
            )
        return bytes(body)


def retry_after_seconds(header: str | None) -> float:
    """Returns the seconds of a Retry-After header, limited; a default if it is not a number."""
    if header and header.isascii() and header.isdigit():
        return min(float(header), MAX_PAUSE_SECONDS)
    return DEFAULT_PAUSE_SECONDS
