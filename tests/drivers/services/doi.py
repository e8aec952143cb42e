# pyright: basic
"""The doi service in the process of the test, on a real broker and a real database."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aio_pika
import httpx
from portal_doi.app import build
from portal_doi.settings import DoiSettings
from portal_shared.contracts.events import DoiFailed, DoiMinted, Event
from portal_shared.messaging import topology

from tests.drivers.servers import declare_bus
from tests.drivers.services.operators import HEADERS

WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class DoiService:
    """The running service as others see it: it consumes and publishes events and has a /status."""

    http: httpx.AsyncClient
    exchange: aio_pika.abc.AbstractExchange
    events: aio_pika.abc.AbstractQueue

    async def publish(self, *events: Event) -> None:
        """Publish events that the service consumes."""
        for event in events:
            body = event.model_dump_json().encode()
            message = aio_pika.Message(body, message_id="m", correlation_id="c-1")
            await self.exchange.publish(message, routing_key=event.key)

    async def status(self) -> dict[str, Any]:
        status: dict[str, Any] = (await self.http.get("/status", params={"exact": True})).json()
        return status

    async def wait_until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the status meets a condition, and return it."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                status = await self.status()
                if condition(status):
                    return status
                await asyncio.sleep(0.1)

    async def wait_idle(self, *, messages: int) -> dict[str, Any]:
        """Wait until so many messages were handled since the start and no work is left."""
        return await self.wait_until(
            lambda s: s["settled"]["ok"] >= messages and s.get("pending") == 0 == s.get("outbox")
        )

    async def published(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the events since the last call, with their keys."""
        found: list[tuple[str, dict[str, Any]]] = []
        while (message := await self.events.get(no_ack=True, fail=False, timeout=60)) is not None:
            found.append((message.routing_key or "", json.loads(message.body)))
        return found

    async def minted(self) -> dict[str, dict[str, Any]]:
        """Return the latest doi.minted of each record since the last call."""
        return {e["pid"]: e for key, e in await self.published() if key == DoiMinted.key}

    async def failures(self) -> dict[str, str]:
        """Return the reason of the latest doi.failed of each record since the last call."""
        events = await self.published()
        return {e["pid"]: e["reason"] for key, e in events if key == DoiFailed.key}


@asynccontextmanager
async def running_doi(settings: DoiSettings) -> AsyncIterator[DoiService]:
    """Run the service; yields it as soon as it is healthy, and stops it at the end."""
    await declare_bus(settings, "doi")
    connection = await aio_pika.connect(settings.amqp_url.get_secret_value())
    channel = await connection.channel()
    exchange = await channel.get_exchange(topology.EVENTS)
    events = await channel.declare_queue(exclusive=True)
    await events.bind(topology.EVENTS, routing_key="doi.#")
    app = build(settings)
    transport = httpx.ASGITransport(app)
    async with (
        connection,
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=transport, base_url="http://doi", headers=HEADERS, timeout=60
        ) as client,
    ):
        async with asyncio.timeout(WAIT_SECONDS):
            while (await client.get("/health")).status_code != httpx.codes.OK:
                await asyncio.sleep(0.05)
        yield DoiService(client, exchange, events)
