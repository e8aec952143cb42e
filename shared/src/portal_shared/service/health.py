"""Health of a service: whether its queues deliver and what it depends on answers."""

import asyncio
from collections.abc import Awaitable, Callable

from portal_shared.messaging import topology
from portal_shared.messaging.publisher import Publisher
from portal_shared.messaging.retries import Heartbeat
from portal_shared.runtime.errors import PortalError

UNREADY_AFTER_SECONDS = 30.0  # without a delivery, canaries included
CHECK_SECONDS = 5

OWN_CHECKS = ("bus", "disk", "queue ")  # their reasons name nothing but this service
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
        self.consuming = False

    def add(self, name: str, check: Check) -> None:
        self._checks[name] = check

    async def failing_checks(self) -> dict[str, str]:
        """Returns the reason of each failing check by its name; empty if the service is ready."""
        found: dict[str, str] = {}
        if not self.consuming:
            found["bus"] = "not consuming yet"
        for queue, age in self._heartbeat.age_by_queue().items():
            if age > UNREADY_AFTER_SECONDS and not await self._another_replica_consumes(queue):
                found[f"queue {queue}"] = f"no delivery for {age:.0f} s, canaries included"
        for name, check in self._checks.items():
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    await check()
            except Exception as error:  # noqa: BLE001  # also errors of drivers: each is the answer
                found[name] = str(error) or repr(error)
        return found

    async def _another_replica_consumes(self, queue: str) -> bool:
        """Whether a queue with a single active consumer is empty: another replica has it."""
        if queue not in topology.SINGLE_CONSUMER_QUEUES:
            return False
        try:
            return (await self._publisher.depths([queue]))[0].messages == 0
        except PortalError:
            return False
