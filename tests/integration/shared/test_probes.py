"""Probes answer from memory, by role, whatever is away; /metrics and /status answer as well."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable

import httpx
from fastapi import FastAPI
from portal_shared.runtime.settings import Settings
from portal_shared.runtime.worker import Worker
from portal_shared.service.app import Service

from tests.drivers.servers import declare_bus
from tests.drivers.services.operators import HEADERS

NOWHERE = {
    "amqp_url": "amqp://guest:guest@127.0.0.1:1/",
    "mongo_url": "mongodb://127.0.0.1:1/",
}
PROBES = ("live", "ready", "startup")


@contextlib.asynccontextmanager
async def running(service: Service) -> AsyncGenerator[httpx.AsyncClient]:
    app: FastAPI = service.app()
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://s", headers=HEADERS) as client,
    ):
        yield client


async def states(client: httpx.AsyncClient) -> dict[str, int]:
    return {p: (await client.get(f"/health/{p}")).status_code for p in PROBES}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


async def test_without_database_and_broker_everything_answers_and_names_no_host() -> None:
    service = Service("gateway", Settings.model_validate(NOWHERE), waits_for_bus=False)
    async with running(service) as client:
        await until(lambda: "database" in service.failing_checks())
        assert await states(client) == {"live": 200, "ready": 503, "startup": 503}
        status = await client.get("/status")
        assert status.status_code == 200
        assert "127.0.0.1:1" in status.json()["problems"]["database"]
        for path in ("/metrics", "/health", "/health/ready", "/health/startup"):
            answer = await client.get(path)
            assert "127.0.0.1" not in answer.text, path
        metrics = await client.get("/metrics")
    assert metrics.status_code == 200
    assert 'portal_probe_up{probe="live"} 1.0' in metrics.text
    assert 'portal_check_up{check="database"} 0.0' in metrics.text


async def test_a_broker_that_is_away_takes_nobody_that_serves_readers_out_of_service(
    settings: Settings,
) -> None:
    away = settings.model_copy(update={"amqp_url": Settings.model_validate(NOWHERE).amqp_url})
    service = Service("gateway", away, waits_for_bus=False)
    async with running(service) as client:
        await until(lambda: not service.probes.unready())
        assert await states(client) == {"live": 200, "ready": 200, "startup": 200}
        health = await client.get("/health")
    assert health.status_code == 503
    assert health.json()["problems"] == {"bus": "not consuming yet"}


async def test_a_service_of_messages_has_started_when_its_queues_exist(settings: Settings) -> None:
    service = Service("ingest", settings)
    async with running(service) as client:
        await until(lambda: service.probes.is_prepared)
        assert service.probes.unstarted() == {"bus": "not consuming yet"}
        assert (await client.get("/health/startup")).status_code == 503
        await declare_bus(settings, "ingest")
        await until(lambda: not service.probes.unstarted() and not service.probes.unready())
        assert await states(client) == {"live": 200, "ready": 200, "startup": 200}


async def test_a_worker_that_hangs_fails_liveness_and_one_that_moves_on_does_not(
    settings: Settings,
) -> None:
    quick = settings.model_copy(update={"stuck_seconds": 0.5, "stop_seconds": 0.2})
    service = Service("gateway", quick, waits_for_bus=False)
    hangs = asyncio.Event()

    async def move_on() -> bool:
        if hangs.is_set():
            await asyncio.Event().wait()
        await asyncio.sleep(0.01)
        return True

    service.add_worker(Worker("minting", move_on))
    async with running(service) as client:
        await until(lambda: not service.probes.unready())
        assert (await client.get("/health/live")).status_code == 200
        hangs.set()
        await until(lambda: bool(service.probes.stuck()))
        answer = await client.get("/health/live")
    assert answer.status_code == 503
    assert list(answer.json()["problems"]) == ["worker minting"]
