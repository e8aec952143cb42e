"""The shell all services have: bus, database, outbox relay, workers, /health, /metrics, /status.

A service starts at once and is unready until what it needs answers; it never exits because
something outside is down.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import aio_pika
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from faststream.rabbit import RabbitBroker, RabbitRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from portal_shared.messaging import topology
from portal_shared.messaging.outbox import Outbox
from portal_shared.messaging.publisher import Publisher
from portal_shared.messaging.retries import CANARY, RetryPolicy, make_broker
from portal_shared.runtime import mongo
from portal_shared.runtime.errors import PortalError, Unavailable
from portal_shared.runtime.logs import configure, logger
from portal_shared.runtime.retry import growing_pauses, retry
from portal_shared.runtime.settings import Settings
from portal_shared.runtime.worker import Worker

log = logger(__name__)

CANARY_AFTER_SECONDS = 10.0  # seconds without a delivery
UNREADY_AFTER_SECONDS = 30.0
FIRST_START_PAUSE_SECONDS = 0.2
MAX_START_PAUSE_SECONDS = 5.0

StatusFields = Mapping[str, Any]


class Service:
    """What a service is made of; `build()` fills it, `app()` gives the ASGI application."""

    def __init__(self, name: str, settings: Settings, *, database: str | None = None) -> None:
        configure(name, settings.log_level)
        self.name = name
        self.settings = settings
        self.publisher = Publisher(settings, name)
        self.retries = RetryPolicy(settings, name, self.publisher)
        self.broker: RabbitBroker = make_broker(settings, name, self.retries)
        self.client = mongo.connect(settings)
        self.database = mongo.database(self.client, settings, database or name)
        self.outbox = Outbox(self.database, name)
        self.workers: list[Worker] = []
        self._prepare: list[Callable[[], Awaitable[None]]] = [self.outbox.prepare]
        self._checks: dict[str, Callable[[], Awaitable[None]]] = {}
        self._facts: list[Callable[[], Awaitable[StatusFields]]] = []
        self._consuming = False

    def subscribe(self, router: RabbitRouter, **resources: Any) -> None:
        """Take a router's handlers; the resources are what they find by Context()."""
        self.broker.include_router(router)
        for key, value in resources.items():
            self.broker.context.set_global(key, value)

    def add_start_step(self, step: Callable[[], Awaitable[None]]) -> None:
        """Done (again, until it succeeds) before anything is consumed: indexes, start-up checks."""
        self._prepare.append(step)

    def add_check(self, name: str, probe: Callable[[], Awaitable[None]]) -> None:
        """Part of /health: raises when the thing named is not well."""
        self._checks[name] = probe

    def add_status_source(self, source: Callable[[], Awaitable[StatusFields]]) -> None:
        """Part of /status."""
        self._facts.append(source)

    def add_worker(self, worker: Worker) -> Worker:
        self.workers.append(worker)
        return worker

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Everything on, in the background; everything off at the end, the bus first."""
        tasks = [asyncio.create_task(self._start(), name="start")]
        try:
            yield
        finally:
            with contextlib.suppress(Exception):
                await self.broker.stop()
            for task in [*tasks, *self._tasks]:
                task.cancel()
            await asyncio.gather(*tasks, *self._tasks, return_exceptions=True)
            with contextlib.suppress(Exception):
                await self.publisher.close()
            self.client.close()

    _tasks: tuple[asyncio.Task[None], ...] = ()

    async def _start(self) -> None:
        await self._until_done("database", self._prepared)
        self._tasks = (
            asyncio.create_task(self.outbox.relay(self.publisher), name="outbox"),
            asyncio.create_task(self._canaries(), name="canaries"),
            *(asyncio.create_task(w.run(), name=w.name) for w in self.workers),
        )
        await self._until_done("bus", self._listen)

    async def _prepared(self) -> None:
        for step in self._prepare:
            await step()

    async def _listen(self) -> None:
        """Consume, once the topology is there."""
        await self.publisher.depths(topology.queues_of(self.name))
        try:
            await self.broker.start()
        except (aio_pika.exceptions.AMQPException, OSError) as error:
            raise Unavailable(f"RabbitMQ: {error!r}") from error
        for queue in topology.queues_of(self.name):
            self.retries.heartbeat.record(queue)
        self._consuming = True
        log.info("consuming", queues=topology.queues_of(self.name))

    async def _until_done(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        def report(error: Exception, pause: float) -> None:
            if isinstance(error, PortalError):
                log.warning("waiting at start", missing=what, reason=str(error), seconds=pause)
            else:
                log.error("start failed", step=what, seconds=pause, exc_info=error)

        pauses = growing_pauses(FIRST_START_PAUSE_SECONDS, MAX_START_PAUSE_SECONDS)
        await retry(step, pauses=pauses, on=Exception, report=report)

    async def _canaries(self) -> None:
        while True:
            await asyncio.sleep(CANARY_AFTER_SECONDS / 2)
            for queue, age in self.retries.heartbeat.age_by_queue().items():
                if age > CANARY_AFTER_SECONDS:
                    try:
                        await self.publisher.publish(
                            b"{}",
                            exchange="",
                            routing_key=queue,
                            message_id=f"canary-{time.time_ns()}",
                            headers={CANARY: queue},
                        )
                    except PortalError as error:
                        log.warning("canary not sent", queue=queue, reason=str(error))
                    except Exception:  # the next one may be: without any we look dead
                        log.exception("canary failed", queue=queue)

    async def failing_checks(self) -> dict[str, str]:
        """What is not well now, by name; empty when ready."""
        found: dict[str, str] = {}
        if not self._consuming:
            found["bus"] = "not consuming yet"
        for queue, age in self.retries.heartbeat.age_by_queue().items():
            if age > UNREADY_AFTER_SECONDS and not await self._another_consumes(queue):
                found[f"queue {queue}"] = f"no delivery for {age:.0f} s, canaries included"
        checks = {"database": self._ping, **self._checks}
        for name, probe in checks.items():
            try:
                async with asyncio.timeout(5):
                    await probe()
            except (PortalError, OSError, TimeoutError) as error:
                found[name] = str(error) or repr(error)
        return found

    async def _another_consumes(self, queue: str) -> bool:
        """Of a queue that gives to one replica at a time: canaries do not stay in it."""
        if queue not in topology.SINGLE_CONSUMER_QUEUES:
            return False
        try:
            return (await self.publisher.depths([queue]))[0].messages == 0
        except PortalError:
            return False

    async def _ping(self) -> None:
        await mongo.ping(self.client)

    async def status(self) -> dict[str, Any]:
        """For operators: what waits, what was done, what is wrong.

        Read in the order in which work flows (messages, facts, outbox), so that none is overlooked.
        """
        settled = dict(self.retries.outcomes)
        facts: dict[str, Any] = {}
        for source in self._facts:
            facts.update(await source())
        return {
            "service": self.name,
            "problems": await self.failing_checks(),
            "trouble": {w.name: w.last_error for w in self.workers if w.last_error},
            "settled": settled,
            "outbox": await self.outbox.pending(),
            "outbox_oldest_seconds": await self.outbox.oldest_seconds(),
            **facts,
        }

    def app(self, app: FastAPI | None = None) -> FastAPI:
        """The ASGI application: `app` or a new one, with the operators' routes."""
        made = app or FastAPI(title=f"portal {self.name}", lifespan=self._lifespan)

        @made.get("/health", include_in_schema=False)
        async def health() -> JSONResponse:
            found = await self.failing_checks()
            return JSONResponse(
                {"status": "unready" if found else "ok", "service": self.name, "problems": found},
                503 if found else 200,
            )

        @made.get("/health/live", include_in_schema=False)
        async def live() -> dict[str, str]:
            return {"status": "alive"}

        @made.get("/status", include_in_schema=False)
        async def status() -> dict[str, Any]:
            return await self.status()

        @made.get("/metrics", include_in_schema=False)
        async def metrics() -> Response:
            return Response(await self.metrics(), media_type=CONTENT_TYPE_LATEST)

        return made

    @asynccontextmanager
    async def _lifespan(self, _app: FastAPI) -> AsyncGenerator[None]:
        async with self.running():
            yield

    async def metrics(self) -> bytes:
        """Every number of status() as a gauge, with the age of each queue's last delivery."""
        registry = CollectorRegistry()
        ages = Gauge(
            "portal_queue_age_seconds", "Since the last delivery", ["queue"], registry=registry
        )
        for queue, age in self.retries.heartbeat.age_by_queue().items():
            ages.labels(queue).set(age)
        settled = Gauge("portal_messages", "Handled since the start", ["result"], registry=registry)
        for result, count in self.retries.outcomes.items():
            settled.labels(result).set(count)
        told = Gauge("portal_status", "Figures of /status", ["service", "name"], registry=registry)
        for name, value in _numbers(await self.status()):
            told.labels(self.name, name).set(value)
        return generate_latest(registry)


def _numbers(tree: StatusFields, prefix: str = "") -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for name, value in tree.items():
        if isinstance(value, bool):
            continue
        if isinstance(value, int | float):
            found.append((prefix + name, float(value)))
        elif isinstance(value, dict):
            found += _numbers(cast("StatusFields", value), f"{prefix}{name}.")
    return found
