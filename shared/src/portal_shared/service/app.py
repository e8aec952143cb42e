"""What all services share: bus, database, outbox, workers, /health, /status and /metrics.

A service starts at once and is unready until everything it needs answers. It never exits because
something outside is down.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
from fastapi import Depends, FastAPI, Response
from fastapi.responses import JSONResponse
from faststream.rabbit import RabbitBroker, RabbitRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.types import Lifespan

from portal_shared.messaging import topology
from portal_shared.messaging.outbox import Outbox
from portal_shared.messaging.publisher import Publisher
from portal_shared.messaging.retries import RetryPolicy, make_broker
from portal_shared.runtime import mongo
from portal_shared.runtime.errors import PortalError, Unavailable
from portal_shared.runtime.logs import configure, logger
from portal_shared.runtime.retry import growing_pauses, retry
from portal_shared.runtime.settings import Settings
from portal_shared.runtime.worker import Worker
from portal_shared.service import metrics
from portal_shared.service.disk import DiskCheck
from portal_shared.service.health import Health, public_reasons
from portal_shared.service.heartbeat import send_canaries
from portal_shared.service.metrics import StatusFields
from portal_shared.service.operator_access import OperatorAccess, require_operator

log = logger(__name__)

FIRST_START_PAUSE_SECONDS = 0.2
MAX_START_PAUSE_SECONDS = 5.0
FIGURES_SECONDS = 8  # for the figures of a status: a command waits ten


class Service:
    """The parts of a service; its `build()` adds to them, `app()` returns the ASGI application."""

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
        self._health = Health(self.publisher, self.retries.heartbeat)
        self._health.add("database", self._ping)
        if settings.data_dir is not None:
            self._health.add("disk", DiskCheck(settings.data_dir, settings.data_spare_bytes))
        self._start_steps: list[Callable[[], Awaitable[None]]] = [self.outbox.prepare]
        self._status_sources: list[Callable[[], Awaitable[StatusFields]]] = []
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    def subscribe(self, router: RabbitRouter, **resources: Any) -> None:
        """Adds a router's handlers; they receive the resources by Context()."""
        self.broker.include_router(router)
        for key, value in resources.items():
            self.broker.context.set_global(key, value)

    def add_start_step(self, step: Callable[[], Awaitable[None]]) -> None:
        """Adds a step that is repeated until it succeeds, before anything is consumed."""
        self._start_steps.append(step)

    def add_check(self, name: str, check: Callable[[], Awaitable[None]]) -> None:
        """Adds a check to /health; it raises an error when `name` does not work."""
        self._health.add(name, check)

    def add_status_source(self, source: Callable[[], Awaitable[StatusFields]]) -> None:
        """Adds fields to /status."""
        self._status_sources.append(source)

    def add_worker(self, worker: Worker) -> Worker:
        """Adds a background worker that runs as long as the service does."""
        self.workers.append(worker)
        return worker

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Starts everything in the background; stops it at the end, the bus first."""
        start = asyncio.create_task(self._start(), name="start")
        try:
            yield
        finally:
            with contextlib.suppress(Exception):
                await self.broker.stop()
            for task in (start, *self._tasks):
                task.cancel()
            await asyncio.gather(start, *self._tasks, return_exceptions=True)
            with contextlib.suppress(Exception):
                await self.publisher.close()
            self.client.close()

    async def _start(self) -> None:
        await self._until_done("database", self._run_start_steps)
        self._tasks = (
            asyncio.create_task(self.outbox.relay(self.publisher), name="outbox"),
            asyncio.create_task(
                send_canaries(self.publisher, self.retries.heartbeat), name="canaries"
            ),
            *(asyncio.create_task(w.run(), name=w.name) for w in self.workers),
        )
        await self._until_done("bus", self._consume)

    async def _run_start_steps(self) -> None:
        for step in self._start_steps:
            await step()

    async def _consume(self) -> None:
        """Starts the consumers once the topology exists."""
        queues = topology.queues_of(self.name)
        await self.publisher.depths(queues)
        try:
            await self.broker.start()
        except (aio_pika.exceptions.AMQPException, OSError) as error:
            raise Unavailable(f"RabbitMQ: {error!r}") from error
        for queue in queues:
            self.retries.heartbeat.record(queue)
        self._health.consuming = True
        log.info("consuming", queues=queues)

    async def _until_done(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        def report(error: Exception, pause: float) -> None:
            if isinstance(error, PortalError):
                log.warning("waiting at start", missing=what, reason=str(error), seconds=pause)
            else:
                log.error("start failed", step=what, seconds=pause, exc_info=error)

        pauses = growing_pauses(FIRST_START_PAUSE_SECONDS, MAX_START_PAUSE_SECONDS)
        await retry(step, pauses=pauses, on=Exception, report=report)

    async def _ping(self) -> None:
        await mongo.ping(self.client)

    async def failing_checks(self) -> dict[str, str]:
        """Returns the reason of each failing check by its name; empty if the service is ready."""
        return await self._health.failing_checks()

    async def status(self) -> dict[str, Any]:
        """Returns figures for operators: what waits, what was done, what is wrong.

        Read in the order in which work flows (messages, sources, outbox), so that work on its way
        from one to the next is not overlooked. Figures that cannot be read are left out, and the
        reason is the problem "figures".
        """
        outcomes = dict(self.retries.outcomes)
        (fields, problems), failing = await asyncio.gather(self._figures(), self.failing_checks())
        return {
            "service": self.name,
            "problems": {**failing, **problems},
            "trouble": {w.name: w.last_error for w in self.workers if w.last_error},
            "settled": outcomes,
            **fields,
        }

    async def _figures(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Returns the figures from the database, and why some could not be read."""
        fields: dict[str, Any] = {}
        try:
            async with asyncio.timeout(FIGURES_SECONDS):
                for source in self._status_sources:
                    fields.update(await source())
                fields["outbox"] = await self.outbox.pending()
                fields["outbox_oldest_seconds"] = await self.outbox.oldest_seconds()
        except PortalError as error:
            return fields, {"figures": str(error)}
        except TimeoutError:
            return fields, {"figures": f"not read within {FIGURES_SECONDS} s"}
        except Exception as error:  # errors of the driver: the rest of the status is worth showing
            log.exception("figures cannot be read")
            return fields, {"figures": repr(error)}
        return fields, {}

    async def metrics(self) -> bytes:
        """Returns the text of /metrics."""
        return metrics.render(
            self.name,
            await self.status(),
            outcomes=self.retries.outcomes,
            age_by_queue=self.retries.heartbeat.age_by_queue(),
        )

    def app(
        self, lifespan: Lifespan[FastAPI] | None = None, *, kind: type[FastAPI] = FastAPI
    ) -> FastAPI:
        """Returns the ASGI application of an internal port, with the routes for operators.

        It has no pages about its routes: those of readers are documented by the gateway.
        """
        made = kind(
            title=f"portal {self.name}",
            lifespan=lifespan or self._lifespan,
            docs_url=None,
            redoc_url=None,
            openapi_url=None,
        )
        self.add_operator_routes(made)
        return made

    def add_operator_routes(self, made: FastAPI) -> None:
        """Adds /health, open to everybody; and /status and /metrics, for operators."""
        made.state.operator_access = OperatorAccess(self.settings.operator_token)
        for_operators = [Depends(require_operator)]

        @made.get("/health", include_in_schema=False)
        async def health() -> JSONResponse:
            found = public_reasons(await self.failing_checks())
            return JSONResponse(
                {"status": "unready" if found else "ok", "service": self.name, "problems": found},
                503 if found else 200,
            )

        @made.get("/health/live", include_in_schema=False)
        async def live() -> dict[str, str]:
            return {"status": "alive"}

        @made.get("/status", include_in_schema=False, dependencies=for_operators)
        async def status() -> dict[str, Any]:
            return await self.status()

        @made.get("/metrics", include_in_schema=False, dependencies=for_operators)
        async def metrics() -> Response:
            return Response(await self.metrics(), media_type=CONTENT_TYPE_LATEST)

    @asynccontextmanager
    async def _lifespan(self, _app: FastAPI) -> AsyncGenerator[None]:
        async with self.running():
            yield
