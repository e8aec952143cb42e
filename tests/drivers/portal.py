"""Indexer and gateway in this process, on real servers and an engine."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI
from portal_gateway import app as gateway_app
from portal_gateway.settings import GatewaySettings
from portal_indexer import app as indexer_app
from portal_indexer.settings import IndexerSettings
from portal_shared.contracts.events import Event
from portal_shared.messaging import topology
from portal_shared.runtime.settings import Settings
from portal_shared.service.app import Service

from tests.drivers.servers import declare_bus
from tests.drivers.services.operators import HEADERS


@dataclass
class Portal:
    """Both services in this process, a client of each, and a publisher of events."""

    indexer: FastAPI
    gateway: FastAPI
    reader: httpx.AsyncClient
    operator: httpx.AsyncClient
    settings: Settings
    published: int = field(default=0)

    async def publish(self, events: Iterable[Event]) -> None:
        service: Service = self.indexer.state.service
        for event in events:
            self.published += 1
            await service.publisher.publish(
                event.model_dump_json().encode(),
                exchange=topology.EVENTS,
                routing_key=event.key,
                message_id=str(uuid.uuid4()),
            )

    async def wait_indexed(self, *, seconds: float = 120) -> dict[str, Any]:
        """Waits until all published events are indexed."""
        service: Service = self.indexer.state.service
        async with asyncio.timeout(seconds):
            while True:
                outcomes = service.retries.outcomes
                done = outcomes["ok"] + outcomes["dead"]  # a retried message comes again
                status = (await self.operator.get("/status")).json()
                if done >= self.published and status.get("pending") == 0:
                    return status
                await asyncio.sleep(0.05)

    async def get(self, path: str, **params: Any) -> httpx.Response:
        sent = {k: v if isinstance(v, str) else json.dumps(v) for k, v in params.items()}
        return await self.reader.get(path, params=sent)

    async def pids(self, path: str, **params: Any) -> list[str]:
        answer = await self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return [row["pid"] for row in answer.json()]


@contextlib.asynccontextmanager
async def running(settings: Settings, search_url: tuple[str, str]) -> AsyncGenerator[Portal]:
    await declare_bus(settings, "indexer", "gateway")
    shared: dict[str, Any] = {
        **settings.model_dump(),
        "meilisearch_url": search_url[0],
        "meilisearch_key": search_url[1],
        "index_prefix": f"t{uuid.uuid4().hex[:10]}_",
    }
    indexer = indexer_app.build(IndexerSettings(**shared))
    gateway = gateway_app.build(GatewaySettings(**shared))
    async with contextlib.AsyncExitStack() as stack:
        for app in (indexer, gateway):
            await stack.enter_async_context(app.router.lifespan_context(app))
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    transport=httpx.ASGITransport(app), base_url="http://portal", headers=headers
                )
            )
            for app, headers in ((gateway, {}), (indexer, HEADERS))
        ]
        async with asyncio.timeout(60):
            while indexer.state.service.failing_checks():
                await asyncio.sleep(0.05)
        yield Portal(indexer, gateway, clients[0], clients[1], settings)
