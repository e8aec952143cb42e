"""Canary messages, sent into silent queues to prove that they are still consumed."""

import asyncio
import time

from portal_shared.messaging.publisher import Publisher
from portal_shared.messaging.retries import CANARY, Heartbeat
from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.logs import logger

log = logger(__name__)

CANARY_AFTER_SECONDS = 10.0  # without a delivery


async def send_canaries(publisher: Publisher, heartbeat: Heartbeat) -> None:
    """Runs until cancelled: sends a canary into every queue that was silent for too long."""
    while True:
        await asyncio.sleep(CANARY_AFTER_SECONDS / 2)
        for queue, age in heartbeat.age_by_queue().items():
            if age > CANARY_AFTER_SECONDS:
                await _send_canary(publisher, queue)


async def _send_canary(publisher: Publisher, queue: str) -> None:
    """Logs every failure: without further canaries the service would look dead."""
    try:
        await publisher.publish(
            b"{}",
            exchange="",
            routing_key=queue,
            message_id=f"canary-{time.time_ns()}",
            headers={CANARY: queue},
        )
    except PortalError as error:
        log.warning("canary not sent", queue=queue, reason=str(error))
    except Exception:
        log.exception("canary failed", queue=queue)
