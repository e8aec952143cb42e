"""Health of a service: whether its queues deliver and what it depends on answers.

Checks run in the background, all at once, each within a deadline; whoever wants to know the health
gets the last results from memory.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection

from portal_shared.messaging import topology
from portal_shared.messaging.publisher import Publisher
from portal_shared.messaging.retries import Heartbeat
from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.logs import logger

log = logger(__name__)

UNREADY_AFTER_SECONDS = 30.0  # without a delivery, canaries included
CHECK_SECONDS = 5  # deadline of a check
INTERVAL_SECONDS, FAILING_INTERVAL_SECONDS = 5.0, 0.5  # between checks
MAX_AGE_SECONDS = 30.0  # of the last results

BUS = "bus"
CHECKS = "checks"
OWN_CHECKS = (BUS, CHECKS, "disk", "cache identity", "queue ", "start")
HIDDEN_REASON = "does not work; /status has the reason, for operators"

Check = Callable[[], Awaitable[None]]


def public_reasons(failing: dict[str, str]) -> dict[str, str]:
    """Returns failing checks for everybody: without reasons that name internal hosts."""
    return {
        name: reason if name.startswith(OWN_CHECKS) else HIDDEN_REASON
        for name, reason in failing.items()
    }


class Health:
    """Collects checks by name; a check raises an error if that part does not work."""

    def __init__(self, publisher: Publisher, heartbeat: Heartbeat) -> None:
        self._publisher = publisher
        self._heartbeat = heartbeat
        self._checks: dict[str, Check] = {}
        self._results: dict[str, str] = {}  # the reason of each failing check
        self._checked_at: float | None = None
        self._changed = asyncio.Event()
        self.consuming = False

    def add(self, name: str, check: Check) -> None:
        """Adds a check; its name is a key of `failing`."""
        self._checks[name] = check

    @property
    def names(self) -> Collection[str]:
        """The names of all checks, but those of queues."""
        return (BUS, *self._checks)

    @property
    def failing(self) -> dict[str, str]:
        """The reason of each failing check by its name, as it was at the last look."""
        found = {} if self.consuming else {BUS: "not consuming yet"}
        found |= self._results
        if self._checked_at is None:
            found[CHECKS] = "not done yet"
        elif (age := time.monotonic() - self._checked_at) > MAX_AGE_SECONDS:
            found[CHECKS] = f"no results for {age:.0f} s"
        return found

    def has_failed(self, names: Collection[str]) -> bool:
        """Returns whether all of these checks failed at the last look, or none was done yet."""
        return self._checked_at is None or all(name in self._results for name in names)

    def start_consuming(self) -> None:
        """Notes that messages are consumed, and looks at once."""
        self.consuming = True
        self._changed.set()

    async def run(self) -> None:
        """Runs until cancelled: looks again and again, more often while something fails."""
        while True:
            self._changed.clear()
            try:
                await self.refresh()
            except Exception:
                log.exception("checks failed")
            pause = FAILING_INTERVAL_SECONDS if self.failing else INTERVAL_SECONDS
            try:
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def refresh(self) -> None:
        """Does all checks now."""
        names = list(self._checks)
        queues, reasons = await asyncio.gather(
            self._silent_queues(),
            asyncio.gather(*(self._reason(self._checks[name]) for name in names)),
        )
        failed = {n: r for n, r in zip(names, reasons, strict=True) if r is not None}
        self._results = {**queues, **failed}
        self._checked_at = time.monotonic()

    @staticmethod
    async def _reason(check: Check) -> str | None:
        """Returns why a check failed; None if it did not."""
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await check()
        except TimeoutError:
            return f"no answer within {CHECK_SECONDS} s"
        except Exception as error:  # noqa: BLE001  # also errors of drivers: each is the answer
            return str(error) or repr(error)
        return None

    async def _silent_queues(self) -> dict[str, str]:
        """Returns the queues of which nothing came for too long, with the reason."""
        found: dict[str, str] = {}
        ages = self._heartbeat.age_by_queue()
        for queue, age in ages.items():
            if age > UNREADY_AFTER_SECONDS and not await self._another_replica_consumes(queue):
                found[f"queue {queue}"] = f"no delivery for {age:.0f} s, canaries included"
        if ages and min(ages.values()) > UNREADY_AFTER_SECONDS:  # the broker, not one consumer
            found[BUS] = f"nothing from RabbitMQ for {min(ages.values()):.0f} s"
        return found

    async def _another_replica_consumes(self, queue: str) -> bool:
        """Whether a queue with a single active consumer is empty: another replica has it."""
        if queue not in topology.SINGLE_CONSUMER_QUEUES:
            return False
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return (await self._publisher.depths([queue]))[0].messages == 0
        except (PortalError, TimeoutError):
            return False
