"""What all services share: bus, database, outbox, workers, probes, /status and /metrics.

A service starts at once and is unready until everything it needs answers. It never exits because
something outside is down.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
from fastapi import FastAPI
from faststream.rabbit import RabbitBroker, RabbitRouter
from starlette.types import Lifespan

import portal_shared
from portal_shared.messaging import topology
from portal_shared.messaging.outbox import Outbox
from portal_shared.messaging.publisher import Publisher
from portal_shared.messaging.retries import RetryPolicy, make_broker
from portal_shared.runtime import mongo
from portal_shared.runtime.errors import Conflict, PortalError, Unavailable
from portal_shared.runtime.logs import configure, logger
from portal_shared.runtime.retry import growing_pauses, retry
from portal_shared.runtime.schema import Migration, Schema
from portal_shared.runtime.settings import ReadersSettings, Settings
from portal_shared.runtime.telemetry import tracing
from portal_shared.runtime.worker import Worker
from portal_shared.service import metrics, routes
from portal_shared.service.disk import DiskCheck
from portal_shared.service.drain import Drain
from portal_shared.service.figures import Figures, StatusFields
from portal_shared.service.health import Check, Health
from portal_shared.service.heartbeat import send_canaries
from portal_shared.service.operator_access import OperatorAccess
from portal_shared.service.operator_port import open_port
from portal_shared.service.probes import PROBES, Probes
from portal_shared.service.request_log import RequestLog

log = logger(__name__)

FIRST_START_PAUSE_SECONDS = 0.2
MAX_START_PAUSE_SECONDS = 5.0
FIGURES_INTERVAL_SECONDS = 15.0  # between looks for /metrics; /status looks at once
WAITING_FIGURES = ("pending", "outbox")  # of /status
PING_SECONDS = 3.0
CLOSE_SECONDS = 3.0  # of connections, at the end
DATABASE = "database"


class Service:
    """The parts of a service; its `build()` adds to them, `app()` returns the ASGI application.

    `needs` and `waits_for_bus`: see Probes; `migrations` of its database: see Schema.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        database: str | None = None,
        needs: Sequence[Sequence[str]] = ((DATABASE,),),
        waits_for_bus: bool = True,
        migrations: Sequence[Migration] = (),
    ) -> None:
        configure(name, settings.log_level)
        self._tracer = _start_traces(name, settings)
        self.name = name
        self.settings = settings
        self.publisher = Publisher(settings, name)
        self.retries = RetryPolicy(settings, name, self.publisher)
        self.broker: RabbitBroker = make_broker(settings, name, self.retries)
        self.client = mongo.connect(settings)
        self.database = mongo.database(self.client, settings, database or name)
        self.outbox = Outbox(self.database, name)
        self.workers: list[Worker] = []
        self.drain = Drain(settings.stop_seconds)
        self.health = Health(self.publisher, self.retries.heartbeat)
        self.health.add(DATABASE, self._ping)
        if settings.data_dir is not None:
            self.health.add("disk", DiskCheck(settings.data_dir, settings.data_spare_bytes))
        self.probes = Probes(
            self.health,
            self.workers,
            stuck_seconds=settings.stuck_seconds,
            needs=needs,
            waits_for_bus=waits_for_bus,
        )
        self.probes.ended_task = self._ended_task
        self.figures = Figures(self._outbox_figures)
        self._depths: dict[str, int] = {}
        self._start_steps: list[Callable[[], Awaitable[None]]] = [
            Schema(self.database, migrations).prepare,
            self.outbox.prepare,
        ]
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._starting: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None

    def subscribe(self, router: RabbitRouter, **resources: Any) -> None:
        """Adds a router's handlers; they receive the resources by Context()."""
        self.broker.include_router(router)
        for key, value in resources.items():
            self.broker.context.set_global(key, value)

    def add_start_step(self, step: Callable[[], Awaitable[None]]) -> None:
        """Adds a step that is repeated until it succeeds, before anything is consumed."""
        self._start_steps.append(step)

    def add_check(self, name: str, check: Check) -> None:
        """Adds a check to /health; it raises an error when `name` does not work."""
        self.health.add(name, check)

    def add_status_source(self, source: Callable[[], Awaitable[StatusFields]]) -> None:
        """Adds figures of what waits to /status; see Figures."""
        self.figures.add(source)

    def add_totals(self, source: Callable[[], Awaitable[StatusFields]]) -> None:
        """Adds counts of whole collections to /status; see Figures."""
        self.figures.add_totals(source)

    def add_worker(self, worker: Worker) -> Worker:
        """Adds a background worker that runs as long as the service does."""
        self.workers.append(worker)
        return worker

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Starts everything in the background; at the end, stops it: see `_stop_work`."""
        self._starting = asyncio.create_task(self._start(), name="start")
        background = [
            self._starting,
            asyncio.create_task(self.health.run(), name="health"),
            asyncio.create_task(
                send_canaries(self.publisher, self.retries.heartbeat), name="canaries"
            ),
            asyncio.create_task(self._look_often(), name="figures"),
        ]
        self.drain.add_action(self._begin_stop)
        try:
            with self.drain.signals():
                yield
        finally:
            self.drain.begin()
            assert self._stopping is not None  # noqa: S101  # _begin_stop made it
            await self._stopping
            self.drain.close()
            for task in (*background, *self._tasks):
                task.cancel()
            await asyncio.gather(*background, *self._tasks, return_exceptions=True)
            await self.figures.close()
            if self._tracer is not None:
                await asyncio.to_thread(self._tracer.stop, CLOSE_SECONDS)
            with contextlib.suppress(Exception):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self.publisher.close()
            with mongo.deadline(CLOSE_SECONDS):  # it sends, and waits for the database
                await asyncio.to_thread(self.client.close)

    def _begin_stop(self) -> None:
        self.probes.is_ending = True
        self._stopping = asyncio.create_task(self._stop_work(), name="stop")

    async def _stop_work(self) -> None:
        """Stops consuming, then ends workers after their step, those that take long at once.

        Messages and work that were not done are given back: to the queue, or by their leases.
        """
        assert self._starting is not None  # noqa: S101  # running() made it
        self._starting.cancel()
        await asyncio.wait((self._starting,))
        with contextlib.suppress(Exception):
            await self.broker.stop()  # waits for handlers as long as its graceful_timeout
        if not self._tasks:
            return
        relay, *workers = self._tasks
        for worker in self.workers:
            worker.end()
        if workers:
            _, unfinished = await asyncio.wait(workers, timeout=self.settings.stop_seconds)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        self.outbox.end()
        await asyncio.wait((relay,), timeout=CLOSE_SECONDS)

    async def _start(self) -> None:
        await self._until_done(DATABASE, self._run_start_steps)
        self.probes.is_prepared = True
        outbox = asyncio.create_task(self.outbox.relay(self.publisher), name="outbox")
        workers = [asyncio.create_task(w.run(), name=w.name) for w in self.workers]
        self._tasks = (outbox, *workers)
        await self._until_done("bus", self._consume)

    def _ended_task(self) -> str | None:
        return next((task.get_name() for task in self._tasks if task.done()), None)

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
        self.health.start_consuming()
        log.info("consuming", queues=queues)

    async def _until_done(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        def report(error: Exception, pause: float) -> None:
            is_ours = isinstance(error, Conflict)
            self.probes.why_unprepared = str(error) if is_ours else f"waits for the {what}"
            if isinstance(error, PortalError):
                log.warning("waiting at start", missing=what, reason=str(error), seconds=pause)
            else:
                log.error("start failed", step=what, seconds=pause, exc_info=error)

        pauses = growing_pauses(FIRST_START_PAUSE_SECONDS, MAX_START_PAUSE_SECONDS)
        await retry(step, pauses=pauses, on=Exception, report=report)

    async def _outbox_figures(self) -> StatusFields:
        return {
            "outbox": await self.outbox.pending(),
            "outbox_oldest_seconds": await self.outbox.oldest_seconds(),
        }

    async def _ping(self) -> None:
        with mongo.deadline(PING_SECONDS):
            await mongo.ping(self.client)

    def failing_checks(self) -> dict[str, str]:
        """Returns the reason of each failing check by its name, from memory; empty if all is well.

        More than readiness: also what only work in the background needs.
        """
        return self.health.failing

    async def _look_often(self) -> None:
        """Runs until cancelled: keeps the figures of /metrics new."""
        while True:
            await self._look()
            with contextlib.suppress(PortalError):
                queues = [*topology.queues_of(self.name), topology.dead_queue(self.name)]
                depths = await self.publisher.depths(queues)
                self._depths = {depth.queue: depth.messages for depth in depths}
            await asyncio.sleep(FIGURES_INTERVAL_SECONDS)

    async def _look(self, *, exact: bool = False) -> dict[str, Any]:
        """Returns the figures: the last ones while the database is known not to answer."""
        if self.health.has_failed((DATABASE,)) and self.figures.looked_at is not None:
            self.figures.problem = self.health.failing.get(DATABASE)
            return self.figures.last
        return await self.figures.look(exact=exact)

    async def status(self, *, exact: bool = False) -> dict[str, Any]:
        """Returns figures for operators: what waits, what was done, what is wrong.

        Read in the order in which work flows (messages, sources, outbox), so that work on its way
        from one to the next is not overlooked. If figures cannot be read, they are missing or those
        of the last look, and the reason is the problem "figures"; what waits is missing then, since
        an old figure would say that work is done.
        """
        outcomes = dict(self.retries.outcomes)
        fields = await self._look(exact=exact)
        problem = {"figures": self.figures.problem} if self.figures.problem else {}
        if problem:
            fields = {n: v for n, v in fields.items() if n not in WAITING_FIGURES}
        return {
            "service": self.name,
            "problems": {**self.failing_checks(), **problem},
            "trouble": {w.name: w.last_error for w in self.workers if w.last_error},
            "settled": outcomes,
            **fields,
        }

    def metrics(self, accept: str = "") -> tuple[bytes, str]:
        """Returns the text of /metrics and its media type, from memory."""
        figures, failing = self.figures.last, self.failing_checks()
        single = {
            "portal_pending": figures.get("pending"),
            "portal_outbox_rows": figures.get("outbox"),
            "portal_outbox_age_seconds": figures.get("outbox_oldest_seconds"),
            "portal_figures_age_seconds": self.figures.age_seconds,
        }
        return metrics.render(
            {
                "portal_build_info": {(self.name, portal_shared.__version__): 1},
                "portal_probe_up": {(p,): float(not self.probes.find(p)) for p in PROBES},
                "portal_check_up": {(n,): float(n not in failing) for n in self.health.names},
                "portal_worker_silent_seconds": {
                    (w.name,): w.progress.silent_seconds for w in self.workers
                },
                "portal_queue_age_seconds": {
                    (queue,): age for queue, age in self.retries.heartbeat.age_by_queue().items()
                },
                "portal_queue_messages": {(q,): n for q, n in self._depths.items()},
                "portal_status": {(self.name, n): v for n, v in metrics.numbers(figures)},
                **{n: {(): float(v)} for n, v in single.items() if v is not None},
            },
            accept,
        )

    def app(self, lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
        """Returns the ASGI application of an internal port, with the routes for operators.

        Probes are open to everybody; /status and /metrics are for operators.
        """
        made = self.plain_app(FastAPI, lifespan or self._lifespan)
        made.state.operator_access = OperatorAccess(self.settings.operator_token)
        made.include_router(routes.probe_router(self))
        made.include_router(routes.operator_router(self))
        self.observe(made)
        return made

    def plain_app(self, kind: type[FastAPI], lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
        """Returns an ASGI application without routes.

        It has no pages about its routes: those of readers are documented by the gateway.
        """
        title = f"portal {self.name}"
        return kind(title=title, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)

    def add_probes(self, made: FastAPI) -> None:
        """Adds the probes to an application for readers, which gets no routes of operators."""
        made.include_router(routes.probe_router(self))

    @asynccontextmanager
    async def running_beside(
        self, operators: FastAPI, settings: ReadersSettings
    ) -> AsyncGenerator[None]:
        """As `running`, with `operators`, made by `app`, on a port of its own until the end."""
        async with open_port(operators, settings), self.running():
            yield

    def observe(self, made: FastAPI) -> None:
        """Counts and times the requests of an application; call it after all other middleware."""
        made.add_middleware(RequestLog, drain=self.drain)

    @asynccontextmanager
    async def _lifespan(self, _app: FastAPI) -> AsyncGenerator[None]:
        async with self.running():
            yield


def _start_traces(service: str, settings: Settings) -> tracing.Tracer | None:
    """Begins traces, if they are wanted: before anything is made that begins spans."""
    if not settings.otlp_url:
        return None
    from portal_shared.runtime.telemetry import exporter  # noqa: PLC0415  # only if it is needed

    processor = exporter.otlp_processor(settings.otlp_url)
    tracer = exporter.OpenTelemetry(service, processor, share=settings.trace_share)
    tracing.start(tracer)
    return tracer
