"""Puts jobs on the queue and collects the answers, over AMQP.

A job counts as sent when the broker has confirmed that it is in a queue. A connection that breaks
is opened again, and what has no answer yet is sent again: a job's id makes that harmless.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import AMQPException, DeliveryError
from portal_shared.contracts.jobs import JobAnswer
from portal_shared.messaging import topology
from portal_shared.messaging.publisher import with_heartbeat
from portal_shared.runtime.errors import PortalError, Unavailable
from pydantic import ValidationError

from portal_cli.submission.message import Outgoing

CONNECT_SECONDS = 10
PUBLISH_SECONDS = 15
PAUSE = 1.0  # between two tries to reach a broker that was there before
BROKEN = (AMQPException, OSError, TimeoutError, RuntimeError, ValueError, Unavailable)


@dataclass
class Sent:
    """How far it is: for progress, and at the end the result."""

    jobs: dict[str, Outgoing] = field(default_factory=dict[str, Outgoing])  # by correlation id
    confirmed: set[str] = field(default_factory=set[str])
    answers: dict[str, JobAnswer] = field(default_factory=dict[str, JobAnswer])

    @property
    def unanswered(self) -> list[Outgoing]:
        return [job for key, job in self.jobs.items() if key not in self.answers]


class NotMade(Exception):
    """The next job could not be made: its files could not be written, or it is too large."""


Progress = Callable[[Sent], None]


def _silent(_: Sent) -> None:
    """Nobody watches."""


async def send(
    url: str, jobs: Iterable[Outgoing], *, seconds: float, progress: Progress = _silent
) -> Sent:
    """Until every job is answered or the time is up; jobs are taken one by one, in a thread.

    Raises Unavailable when the broker or the queue of jobs is out of reach at the start, NotMade
    when the jobs fail.
    """
    sending = _Sending(url, iter(jobs), progress)
    try:
        async with asyncio.timeout(seconds):
            await sending.run()
    except TimeoutError:
        if not sending.reached:
            raise Unavailable(f"RabbitMQ did not answer in {seconds:g} s") from None
    return sending.state


class _Sending:
    def __init__(self, url: str, jobs: Iterator[Outgoing], progress: Progress) -> None:
        self._url = with_heartbeat(url)
        self._jobs = jobs
        self._progress = progress
        self._exhausted = False
        self._changed = asyncio.Event()
        self.state = Sent()
        self.reached = False

    async def run(self) -> None:
        while True:
            try:
                await self._once()
            except BROKEN as error:
                if not self.reached:
                    raise Unavailable(f"RabbitMQ: {error}") from error
                self.state.confirmed &= self.state.answers.keys()
                await asyncio.sleep(PAUSE)
            else:
                return

    async def _once(self) -> None:
        """Over one connection: all that is not confirmed, then wait for the answers."""
        async with self._connected() as (channel, answers, lost):
            for key in [k for k in self.state.jobs if k not in self.state.answers]:
                await self._publish(channel, key, answers)
            while (job := await self._next()) is not None:
                key = self._key(job)
                self.state.jobs[key] = job
                await self._publish(channel, key, answers)
            while len(self.state.answers) < len(self.state.jobs):
                if lost.is_set():
                    raise Unavailable("the connection was lost")
                self._changed.clear()
                await self._changed.wait()

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[tuple[AbstractChannel, str, asyncio.Event]]:
        """A channel, the name of our own queue for answers, and whether the link was lost."""
        lost = asyncio.Event()

        def gone(*_: object) -> None:
            lost.set()
            self._changed.set()

        connection = await aio_pika.connect(
            self._url,
            timeout=CONNECT_SECONDS,
            client_properties={"connection_name": "portal sends jobs"},
        )
        async with connection:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            connection.close_callbacks.add(gone)
            channel.close_callbacks.add(gone)
            queue = await channel.declare_queue(exclusive=True, auto_delete=True)
            await queue.consume(self._answered, no_ack=True)
            await channel.declare_queue(topology.JOBS, passive=True)
            self.reached = True
            yield channel, queue.name, lost

    async def _next(self) -> Outgoing | None:
        """The next job, made in a thread as it may take a while: answers come in meanwhile."""
        if self._exhausted:
            return None
        try:
            job = await asyncio.to_thread(next, self._jobs, None)
        except (OSError, PortalError) as error:
            raise NotMade(str(error)) from error
        self._exhausted = job is None
        return job

    def _key(self, job: Outgoing) -> str:
        """The job's id, by which its answer is known; another one if that is taken or missing."""
        if job.job_id and job.job_id not in self.state.jobs:
            return job.job_id
        return f"sent-{uuid.uuid4()}"

    async def _publish(self, channel: AbstractChannel, key: str, answers: str) -> None:
        message = aio_pika.Message(
            self.state.jobs[key].body,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            content_type="application/json",
            message_id=key,
            correlation_id=key,
            reply_to=answers,
            app_id="portal",
        )
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                await channel.default_exchange.publish(
                    message, routing_key=topology.JOBS, mandatory=True
                )
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # we are the one being stopped
                raise
            raise Unavailable("lost the broker while publishing") from None
        except DeliveryError as error:
            raise Unavailable(f"the queue {topology.JOBS} did not take the job") from error
        self.state.confirmed.add(key)
        self._progress(self.state)

    async def _answered(self, message: AbstractIncomingMessage) -> None:
        key = message.correlation_id
        if key is None or key not in self.state.jobs:
            return
        try:
            self.state.answers[key] = JobAnswer.model_validate_json(message.body)
        except ValidationError:
            return  # no answer to a job: ours may still come
        self._progress(self.state)
        self._changed.set()
