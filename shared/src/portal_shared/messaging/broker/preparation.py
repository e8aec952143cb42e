"""Prepares the broker for this version, or says what that would change; `portal-topology`."""

import argparse
import asyncio
import itertools
import sys
from collections.abc import Iterable

from aio_pika.exceptions import AMQPException, ChannelPreconditionFailed
from pydantic import ValidationError

from portal_shared.messaging import topology
from portal_shared.messaging.broker import plan
from portal_shared.messaging.broker.management import VARIABLE, ManagementApi
from portal_shared.messaging.broker.plan import Sign, Step
from portal_shared.messaging.broker.settings import TopologySettings
from portal_shared.messaging.broker.wanted import wanted
from portal_shared.runtime.errors import Conflict, PortalError, Unavailable
from portal_shared.runtime.logs import configure, logger
from portal_shared.runtime.retry import growing_pauses, retry

log = logger(__name__)

PAUSES = tuple(itertools.islice(growing_pauses(1.0, 10.0), 63))  # ten minutes in all


async def find_differences(settings: TopologySettings) -> list[Step]:
    """Returns how the broker differs from what this version needs, and changes nothing.

    Without the management API: which queues are missing. Raises Invalid, Unavailable, Conflict.
    """
    needed = wanted(settings)
    if settings.amqp_management_url.get_secret_value():
        async with ManagementApi(settings, needed.vhost) as api:
            return plan.compare(needed, await api.read())
    try:
        existing = await topology.existing_queues(settings)
    except (AMQPException, OSError, TimeoutError) as error:
        raise Unavailable(f"RabbitMQ: {error!r}") from error
    missing = [n for n in needed.topology.queues if n not in existing]
    partial = Step(
        Sign.NOTE, "broker", "compared in part", f"{VARIABLE} is not set: only whether queues exist"
    )
    return [*(Step(Sign.CREATE, "queue", name) for name in missing), partial]


async def apply(settings: TopologySettings) -> list[Step]:
    """Makes what is missing; returns all differences there were. Twice is once.

    Without the management API: exchanges, queues and bindings. Raises Invalid, Unavailable, and
    Conflict, before anything is changed, if something exists that cannot be changed.
    """
    needed = wanted(settings)
    if not settings.amqp_management_url.get_secret_value():
        found = await find_differences(settings)
        await _declare(settings)
        return found
    async with ManagementApi(settings, needed.vhost) as api:
        steps = plan.compare(needed, await api.read())
        if refused := plan.conflicts(steps):
            raise Conflict("; ".join(f"{s.kind} {s.name} {s.detail}" for s in refused))
        for step in plan.to_make(steps):
            await api.make(step)
        return steps


async def _declare(settings: TopologySettings) -> None:
    try:
        await topology.declare(settings)
    except ChannelPreconditionFailed as error:
        raise Conflict(f"a queue exists with other arguments: {error}") from error
    except (AMQPException, OSError, TimeoutError) as error:
        raise Unavailable(f"RabbitMQ: {error!r}") from error


async def apply_patiently(
    settings: TopologySettings, pauses: Iterable[float] = PAUSES
) -> list[Step]:
    """Applies; while the broker is away, tries again after each of `pauses` (seconds).

    Raises Unavailable with what to do after the last one.
    """

    def report(error: Exception, pause: float) -> None:
        log.warning("broker is away", reason=str(error), seconds=pause)

    return await retry(lambda: apply(settings), pauses=pauses, report=report)


def main() -> None:
    """Prepares the broker; waits minutes for one that is away. Exit code 1: not prepared."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.parse_args()
    try:
        settings = TopologySettings()
    except ValidationError as error:
        sys.exit(f"portal-topology: a setting is not valid: {error}")
    configure("topology", settings.log_level)
    try:
        steps = asyncio.run(apply_patiently(settings))
    except PortalError as error:
        log.error("broker not prepared", reason=str(error))  # noqa: TRY400  # the reason says all
        sys.exit(1)
    for step in steps:
        log.info("broker", difference=str(step))
    log.info("broker prepared", changes=len(plan.to_make(steps)))
