"""RabbitMQ, as the services use it: publishing with confirms, consuming with settled failures.

The rules were measured; docs/adr/0003 has them with their reasons. One connection publishes,
another consumes; each subscriber has a channel of its own.
"""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import aio_pika
from aio_pika.abc import AbstractRobustChannel, AbstractRobustConnection, HeadersType
from aio_pika.exceptions import AMQPException, DeliveryError
from faststream.rabbit import Channel, QueueType, RabbitQueue

from portal_shared.contracts.events import Event
from portal_shared.messaging import topology
from portal_shared.runtime.errors import Invalid, Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.settings import Settings

log = logger(__name__)

PUBLISH_SECONDS = 10  # a frozen broker or a memory alarm hangs a publish: bounded here
MAX_EVENT_BYTES = 1_048_576


def event_queue(service: str, event: type[Event]) -> RabbitQueue:
    """The queue of one kind of event in one service, for a subscriber: used, not declared."""
    return queue_by_name(topology.queue_name(service, event))


def queue_by_name(name: str) -> RabbitQueue:
    return RabbitQueue(name, queue_type=QueueType.QUORUM, durable=True, declare=False)


def channel(prefetch: int) -> Channel:
    """A subscriber's own channel; prefetch is its concurrency."""
    return Channel(prefetch_count=prefetch)


def with_heartbeat(url: str) -> str:
    """A dead link is noticed after 33 s, not after 183."""
    if "heartbeat=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}heartbeat=10"


class Publisher:
    """Says things so that they are kept: confirmed, persistent, mandatory, within a deadline."""

    def __init__(self, settings: Settings, service: str) -> None:
        self._url = with_heartbeat(settings.amqp_url.get_secret_value())
        self._service = service
        self._connection: AbstractRobustConnection | None = None
        self._channel: AbstractRobustChannel | None = None
        self._opening = asyncio.Lock()
        self.last_seconds = 0.0

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def channel(self) -> AbstractRobustChannel:
        """The publishing channel, opened on first use; raises Unavailable without a broker."""
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                try:
                    if self._connection is None or self._connection.is_closed:
                        self._connection = await aio_pika.connect_robust(
                            self._url,
                            timeout=PUBLISH_SECONDS,
                            reconnect_interval=1,
                            client_properties={"connection_name": f"{self._service} publishes"},
                        )
                    self._channel = await asyncio.wait_for(
                        self._open(self._connection), PUBLISH_SECONDS
                    )
                except (AMQPException, OSError, TimeoutError) as error:
                    raise Unavailable(f"RabbitMQ: {error!r}") from error
            return self._channel

    @staticmethod
    async def _open(connection: AbstractRobustConnection) -> AbstractRobustChannel:
        opened = await connection.channel(publisher_confirms=True, on_return_raises=True)
        assert isinstance(opened, AbstractRobustChannel)  # noqa: S101  # what connect_robust gives
        return opened

    async def publish(
        self,
        body: bytes,
        *,
        exchange: str,
        routing_key: str,
        message_id: str,
        kind: str = "",
        correlation_id: str | None = None,
        headers: Mapping[str, object] | None = None,
    ) -> None:
        """Return once the broker has the message in a queue.

        Raises Unavailable when it may not have: send it again, under the same id; Invalid when it
        is too large for an event.
        """
        if len(body) > MAX_EVENT_BYTES and exchange == topology.EVENTS:
            raise Invalid(f"{kind} of {len(body)} bytes is larger than {MAX_EVENT_BYTES}")
        message = aio_pika.Message(
            body,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            content_type="application/json",
            message_id=message_id,
            correlation_id=correlation_id,
            type=kind,
            app_id=self._service,
            timestamp=datetime.now(UTC),
            headers=_plain(headers),
        )
        started = time.monotonic()
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                opened = await self.channel()
                target = (
                    await opened.get_exchange(exchange, ensure=False)
                    if exchange
                    else opened.default_exchange
                )
                await target.publish(message, routing_key=routing_key, mandatory=True)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # we are the one being stopped
                raise
            raise Unavailable("RabbitMQ: lost the broker while publishing") from None
        except DeliveryError as error:
            raise Unavailable(
                f"RabbitMQ: no queue takes {routing_key!r} from {exchange!r}"
            ) from error
        except (AMQPException, OSError, TimeoutError, RuntimeError) as error:
            raise Unavailable(f"RabbitMQ: {error!r}") from error
        finally:
            self.last_seconds = time.monotonic() - started

    async def depths(self, queues: list[str]) -> list[topology.Depth]:
        """How many messages wait; raises Unavailable when the broker or a queue is not there."""
        try:
            await self.channel()
            assert self._connection is not None  # noqa: S101  # channel() opened it
            async with asyncio.timeout(PUBLISH_SECONDS):
                probe = await self._connection.channel()
                try:
                    return await topology.depths(probe, queues)
                finally:
                    if not probe.is_closed:
                        await probe.close()
        except (AMQPException, OSError, TimeoutError, RuntimeError) as error:
            raise Unavailable(f"RabbitMQ: {error!r}") from error


def _plain(headers: Mapping[str, object] | None) -> HeadersType:
    return {k: v for k, v in (headers or {}).items() if isinstance(v, str | int | float | bool)}
