"""Publishes messages to RabbitMQ with confirms, and names the queues that subscribers use.

The rules were measured; see docs/adr/0003 for the reasons. One connection publishes, another
consumes; each subscriber has its own channel.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import aio_pika
from aio_pika.abc import (
    AbstractRobustChannel,
    AbstractRobustConnection,
    HeadersType,
    TimeoutType,
)
from aio_pika.exceptions import AMQPException, DeliveryError
from faststream.rabbit import Channel, QueueType, RabbitQueue
from typing_extensions import override

from portal_shared.contracts.events import Event
from portal_shared.messaging import topology
from portal_shared.runtime.errors import Invalid, Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.settings import Settings

log = logger(__name__)

PUBLISH_SECONDS = 10  # a frozen broker or a memory alarm hangs a publish: bounded here
MAX_EVENT_BYTES = 1_048_576


def event_queue(service: str, event: type[Event]) -> RabbitQueue:
    """Returns the queue of one kind of event in one service, for a subscriber."""
    return queue_by_name(topology.queue_name(service, event))


def queue_by_name(name: str) -> RabbitQueue:
    """Returns a queue that already exists: subscribers do not declare queues."""
    return RabbitQueue(name, queue_type=QueueType.QUORUM, durable=True, declare=False)


def channel(prefetch: int) -> Channel:
    """Returns a channel for one subscriber; prefetch is its concurrency."""
    return Channel(prefetch_count=prefetch)


def with_heartbeat(url: str) -> str:
    """Adds a heartbeat to the URL: a dead link is noticed after 33 s instead of 183 s."""
    if "heartbeat=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}heartbeat=10"


class Unroutable(Unavailable):
    """No queue is bound for the message."""


class _Connection(aio_pika.RobustConnection):
    """Is closed when its first attempt fails; aio-pika leaves that to the garbage collector."""

    @override
    async def connect(self, timeout: TimeoutType = None) -> None:
        try:
            await super().connect(timeout)
        except BaseException:
            await self.close()
            raise


class Publisher:
    """Publishes messages safely: persistent, mandatory, confirmed within a deadline."""

    def __init__(self, settings: Settings, service: str) -> None:
        self._url = with_heartbeat(settings.amqp_url.get_secret_value())
        self._service = service
        self._connection: AbstractRobustConnection | None = None
        self._channel: AbstractRobustChannel | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def channel(self) -> AbstractRobustChannel:
        """Returns the publishing channel, opened on first use. Raises Unavailable."""
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                try:
                    if self._connection is None or self._connection.is_closed:
                        self._connection = await aio_pika.connect_robust(
                            self._url,
                            timeout=PUBLISH_SECONDS,
                            connection_class=_Connection,
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
        """Returns once the broker has stored the message in a queue.

        Raises Unavailable if that is not certain: publish it again with the same id. Raises Invalid
        if an event is too large.
        """
        if len(body) > MAX_EVENT_BYTES and exchange == topology.EVENTS:
            raise Invalid(f"{kind} has {len(body)} bytes; an event has at most {MAX_EVENT_BYTES}")
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
            if task is not None and task.cancelling():  # this task itself is cancelled
                raise
            raise Unavailable("RabbitMQ: lost the broker while publishing") from None
        except DeliveryError as error:
            raise Unroutable(
                f"RabbitMQ: no queue takes {routing_key!r} from {exchange!r}"
            ) from error
        except (AMQPException, OSError, TimeoutError, RuntimeError) as error:
            raise Unavailable(f"RabbitMQ: {error!r}") from error

    async def depths(self, queues: list[str]) -> list[topology.Depth]:
        """Returns the number of waiting messages by queue. Raises Unavailable."""
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
