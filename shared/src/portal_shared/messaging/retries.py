"""Retries failed messages later, or moves them to the dead letters.

A temporary failure (status 5xx, or any unforeseen error): a copy goes to a delay queue, then ack.
A permanent failure (status 4xx, a body that the model refuses) or too many attempts: a copy with
the reason goes to the dead letters, then ack. If the copy cannot be published, the message returns
to its queue by reject; never by nack, which newer brokers do not count.
"""

import time
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol

from faststream import AckPolicy, BaseMiddleware
from faststream._internal.context.repository import ContextRepo
from faststream.exceptions import AckMessage, IgnoredException, RejectMessage
from faststream.rabbit import RabbitBroker
from pydantic import ValidationError
from typing_extensions import override

from portal_shared.messaging import topology
from portal_shared.messaging.publisher import Publisher, with_heartbeat
from portal_shared.runtime.errors import PortalError, Unavailable, may_succeed_later
from portal_shared.runtime.logs import bind_correlation_id, logger
from portal_shared.runtime.metrics import MESSAGE_SECONDS, MESSAGES, REDELIVERIES
from portal_shared.runtime.settings import Settings
from portal_shared.runtime.telemetry import tracing
from portal_shared.runtime.telemetry.origin import JOB_HEADER

log = logger(__name__)

PASSED_ON = (
    tracing.HEADER,
    JOB_HEADER,
    "x-reply-to",
    "x-history",
    "x-dropped-fields",
)  # to a retry
CANARY = "x-canary"  # header of a message that only shows that its queue is consumed


class Heartbeat:
    """The time of the last delivery from each queue, the only reliable sign that it is consumed."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}

    def record(self, queue: str) -> None:
        self._last[queue] = time.monotonic()

    def age_by_queue(self) -> dict[str, float]:
        now = time.monotonic()
        return {queue: now - then for queue, then in self._last.items()}


def failure_reason(error: BaseException) -> str:
    """Returns a sentence for the header of a dead letter: which field is wrong, and why."""
    if isinstance(error, ValidationError):
        parts = [
            f"{'.'.join(str(p) for p in e['loc']) or 'body'}: {e['msg']}" for e in error.errors()
        ]
        return "; ".join(parts[:20])[:2000]
    return (str(error) or repr(error))[:2000]


def is_permanent(error: BaseException) -> bool:
    """Whether another attempt at the same message cannot succeed."""
    if isinstance(error, ValidationError | UnicodeDecodeError | ValueError | TypeError):
        return True  # the body does not fit the model, and never will
    return isinstance(error, PortalError) and not may_succeed_later(error)


class ArrivalOrder(Protocol):
    """Learns of the messages of a queue in the order of their delivery.

    Their handlers begin in any order, because the framework prepares some steps in threads.
    """

    def arrived(self, message: object) -> None:
        """A message was delivered; its handler begins later."""

    def left(self, message: object) -> None:
        """The handling of a message has ended, perhaps before its handler began."""


class RetryPolicy:
    """Creates the middleware of each message; counts outcomes and records deliveries."""

    def __init__(self, settings: Settings, service: str, publisher: Publisher) -> None:
        self._delays = settings.retry_delays
        self.service = service
        self._publisher = publisher
        self.heartbeat = Heartbeat()
        self.order_by_queue: dict[str, ArrivalOrder] = {}
        self.outcomes = {"ok": 0, "retried": 0, "dead": 0}

    def __call__(self, msg: Any, /, *, context: ContextRepo) -> "RetryMiddleware":
        return RetryMiddleware(msg, context=context, policy=self)

    def count(self, queue: str, outcome: str) -> None:
        """Counts a message whose handling ended."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        MESSAGES.labels(queue, outcome).inc()

    async def retry_or_dead_letter(self, message: Any, error: BaseException) -> None:
        """Publishes the copy of a failed message. Raises Unavailable."""
        queue = str(message.routing_key or "")
        if message.exchange == topology.EVENTS:
            queue = f"{self.service}.{message.routing_key}"
        old = dict(message.headers)
        attempt = int(old.get("x-attempt", 0)) + 1
        first = old.get("x-first-failed") or datetime.now(UTC).isoformat()
        headers = {
            "x-attempt": attempt,
            "x-queue": queue,
            "x-reason": failure_reason(error),
            "x-error": type(error).__name__,
            "x-first-failed": first,
            "x-last-failed": datetime.now(UTC).isoformat(),
            **{k: v for k, v in old.items() if k in PASSED_ON},
        }
        if message.reply_to:
            headers["x-reply-to"] = message.reply_to
        dead = is_permanent(error) or attempt > len(self._delays)
        exchange = (
            topology.DEAD_LETTERS if dead else topology.retry_exchange(self._delays[attempt - 1])
        )
        await self._publisher.publish(
            message.body,
            exchange=exchange,
            routing_key=self.service if dead else queue,
            message_id=message.message_id or "",
            kind=message.type or "",
            correlation_id=message.correlation_id,
            headers=headers,
        )
        outcome = "dead" if dead else "retried"
        self.count(queue, outcome)
        log.error(
            "message moved to dead letters" if dead else "message will be retried",
            queue=queue,
            attempt=attempt,
            reason=headers["x-reason"],
            error=headers["x-error"],
            exc_info=None if is_permanent(error) or isinstance(error, Unavailable) else error,
        )


class RetryMiddleware(BaseMiddleware[Any, Any]):
    """Records the delivery of one message, and applies the retry policy if its handler fails."""

    def __init__(self, msg: Any, /, *, context: ContextRepo, policy: RetryPolicy) -> None:
        super().__init__(msg, context=context)
        self._policy = policy
        self._order: ArrivalOrder | None = None
        self._queue = ""
        self._received_at = time.perf_counter()

    @override
    async def on_receive(self) -> None:
        message = self.msg
        if CANARY in message.headers:
            self._policy.heartbeat.record(str(message.headers[CANARY]))
            raise AckMessage
        queue = str(message.routing_key or "")
        if message.exchange == topology.EVENTS:
            queue = f"{self._policy.service}.{queue}"
        self._queue = queue
        self._policy.heartbeat.record(queue)
        self._order = self._policy.order_by_queue.get(queue)
        if self._order is not None:
            self._order.arrived(message)
        if message.redelivered:
            REDELIVERIES.labels(queue).inc()
        job_id = message.headers.get(JOB_HEADER)
        bind_correlation_id(
            message.correlation_id,
            message_id=message.message_id or "",
            **({"job_id": str(job_id)} if job_id else {}),
        )

    @override
    async def after_processed(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> bool:
        if self._order is not None:
            self._order.left(self.msg)
        if self._queue:
            seconds = time.perf_counter() - self._received_at
            trace = tracing.exemplar(str(self.msg.headers.get(tracing.HEADER)))
            MESSAGE_SECONDS.labels(self._queue).observe(seconds, trace)
        if exc_val is None:
            self._policy.count(self._queue, "ok")
        elif isinstance(exc_val, Exception) and not isinstance(exc_val, IgnoredException):
            try:
                await self._policy.retry_or_dead_letter(self.msg, exc_val)
            except PortalError:
                log.exception("the copy of a failed message could not be published")
                MESSAGES.labels(self._queue, "returned").inc()
                raise RejectMessage(requeue=True) from exc_val
            raise AckMessage from exc_val
        return False


def make_broker(settings: Settings, service: str, policy: RetryPolicy) -> RabbitBroker:
    """Returns the consuming broker of a service, with a context of its own."""
    tracer = tracing.tracer()
    return RabbitBroker(
        with_heartbeat(settings.amqp_url.get_secret_value()),
        app_id=service,
        reconnect_interval=1,
        graceful_timeout=settings.stop_seconds,
        ack_policy=AckPolicy.REJECT_ON_ERROR,
        middlewares=[*([tracer.middleware()] if tracer else []), policy],
        context=ContextRepo(),
        logger=None,
    )
