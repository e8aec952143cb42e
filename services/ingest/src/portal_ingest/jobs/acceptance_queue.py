"""Accepts the messages of jobs in their order, those that wait together at once."""

import asyncio
from collections.abc import Sequence

from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.retry import retry
from portal_shared.runtime.telemetry.origin import neutral_context

from portal_ingest.jobs.acceptance import Acceptance, JobMessage

log = logger(__name__)

MAX_MESSAGES = 10  # that are accepted together
MAX_BYTES = 4_000_000  # of them; a larger message is accepted alone
COLLECT_SECONDS = 0.01
PAUSE_SECONDS = (0.5, 1, 2, 4, *[8] * 60)  # RabbitMQ closes a delivery after half an hour

Waiting = tuple[JobMessage, "asyncio.Future[bool]"]


class AcceptanceQueue:
    """Accepts one batch after another: no job overtakes one that was delivered before it.

    It is the ArrivalOrder of its queue.
    """

    def __init__(self, acceptance: Acceptance) -> None:
        self._acceptance = acceptance
        self._delivered: dict[int, object] = {}  # in order, by id: those that are not accepted yet
        self._waiting: dict[int, Waiting] = {}  # those whose handler has begun
        self._changed = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def arrived(self, message: object) -> None:
        """Puts a delivered message behind those before it."""
        self._delivered[id(message)] = message

    def left(self, message: object) -> None:
        """Lets those behind a message pass whose handling has ended.

        One that was not accepted until then is delivered again.
        """
        self._delivered.pop(id(message), None)
        self._waiting.pop(id(message), None)
        self._changed.set()

    async def accept(self, raw: object, message: JobMessage) -> bool:
        """Returns whether there is a job to run, once the message is stored as job or refusal.

        `raw` is the message as it was delivered. While the database is away it is repeated here,
        not through the retry queue, so that no later job overtakes this one. Raises Unavailable if
        that takes too long.
        """
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._delivered.setdefault(id(raw), raw)
        self._waiting[id(raw)] = message, future
        self._changed.set()
        if self._running is None:
            self._running = asyncio.create_task(self._run(), context=neutral_context())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(COLLECT_SECONDS)
                self._changed.clear()
                batch = self._take()
                if batch:
                    await self._process(batch)
                elif self._waiting:  # for the handler of the first one to begin, or to end
                    await self._changed.wait()
        finally:
            self._running = None
            for _, future in self._waiting.values():  # the service stops: nobody waits for ever
                future.cancel()
            self._waiting.clear()

    def _take(self) -> list[Waiting]:
        """Returns the first ones, as far as their handlers have begun; cancelled ones are left."""
        batch: list[Waiting] = []
        size = 0
        for key in list(self._delivered):
            if key not in self._waiting or len(batch) == MAX_MESSAGES:
                break
            size += len(self._waiting[key][0].body)
            if batch and size > MAX_BYTES:
                break
            del self._delivered[key]
            batch.append(self._waiting.pop(key))
        return batch

    async def _process(self, batch: Sequence[Waiting]) -> None:
        """Accepts a batch; each message alone, in order, if one of them is the reason to fail."""
        try:
            results = await self._accept(batch)
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001  # raised in the callers
            if len(batch) > 1 and not isinstance(error, Unavailable):
                for one in batch:
                    await self._process([one])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), is_runnable in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(is_runnable)

    async def _accept(self, batch: Sequence[Waiting]) -> list[bool]:
        async def accept() -> list[bool]:
            if all(future.done() for _, future in batch):  # their channel was closed
                return [False] * len(batch)
            return await self._acceptance.accept([message for message, _ in batch])

        def report(error: Exception, pause: float) -> None:
            log.warning("jobs not accepted yet", reason=str(error), retry_seconds=pause)

        return await retry(accept, pauses=PAUSE_SECONDS, report=report)
