"""A collector of traces that stores what services send to it."""

from collections.abc import Generator
from contextlib import contextmanager

from fastapi import FastAPI, Request

from tests.drivers import process


@contextmanager
def running_collector() -> Generator[tuple[str, list[bytes]]]:
    """Yields its address, and the bodies that it received so far."""
    bodies: list[bytes] = []
    collector = FastAPI()

    @collector.post("/v1/traces")
    async def take(request: Request) -> None:
        bodies.append(await request.body())

    with process.running(collector) as url:
        yield url, bodies
