"""Sends jobs over AMQP and collects the answers.

A job is sent when the broker has confirmed that it is in the queue. A broken connection is opened
again, and the jobs without an answer are sent again: their ids make that harmless.
"""

import asyncio
import json
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

from portal_cli.submission.message import JobMessage

CONNECT_SECONDS = 10
PUBLISH_SECONDS = 15
RECONNECT_SECONDS = 1.0  # until a lost connection is opened again
CONNECTION_ERRORS = (AMQPException, OSError, TimeoutError, RuntimeError, ValueError, Unavailable)


@dataclass
class Submission:
    """The jobs that were sent and their answers so far."""

    jobs: dict[str, JobMessage] = field(default_factory=dict[str, JobMessage])  # by correlation id
    confirmed: set[str] = field(default_factory=set[str])
    answers: dict[str, JobAnswer] = field(default_factory=dict[str, JobAnswer])
    total: int = 0  # jobs to send, as far as it is known
    has_all_jobs: bool = False

    @property
    def not_sent(self) -> int:
        """Jobs for which there was no time."""
        return 0 if self.has_all_jobs else max(self.total - len(self.jobs), 0)

    @property
    def unanswered(self) -> list[JobMessage]:
        return [job for key, job in self.jobs.items() if key not in self.answers]

    @property
    def unconfirmed(self) -> list[JobMessage]:
        """Jobs that are neither answered nor certainly stored by the broker."""
        stored = self.confirmed | self.answers.keys()
        return [job for key, job in self.jobs.items() if key not in stored]


class JobNotBuilt(Exception):
    """The next job could not be built: its files could not be written, or it is too large."""


ProgressCallback = Callable[[Submission], None]


def _ignore_progress(_: Submission) -> None:
    """The default of `on_progress`."""


async def submit_jobs(
    url: str,
    jobs: Iterable[JobMessage],
    *,
    seconds: float,
    on_progress: ProgressCallback = _ignore_progress,
) -> Submission:
    """Sends the jobs; returns when every job is answered, or after `seconds`.

    `jobs` is iterated in a thread. Raises Unavailable if the broker or the job queue cannot be
    reached at the start, JobNotBuilt if the iteration fails.
    """
    client = _SubmissionClient(url, iter(jobs), on_progress)
    try:
        async with asyncio.timeout(seconds):
            await client.run()
    except TimeoutError:
        if not client.was_connected:
            raise Unavailable(f"RabbitMQ did not respond within {seconds:g} s") from None
    return client.state


class _SubmissionClient:
    def __init__(self, url: str, jobs: Iterator[JobMessage], on_progress: ProgressCallback) -> None:
        self._url = with_heartbeat(url)
        self._jobs = jobs
        self._on_progress = on_progress
        self._exhausted = False
        self._changed = asyncio.Event()
        self.state = Submission()
        self.was_connected = False

    async def run(self) -> None:
        while True:
            try:
                await self._run_connection()
            except CONNECTION_ERRORS as error:
                if not self.was_connected:
                    raise Unavailable(f"RabbitMQ cannot be reached: {error}") from error
                self.state.confirmed &= self.state.answers.keys()
                await asyncio.sleep(RECONNECT_SECONDS)
            else:
                return

    async def _run_connection(self) -> None:
        """Over one connection: sends every job without an answer, then waits for the answers."""
        async with self._open_connection() as (channel, answers, lost):
            for key in [k for k in self.state.jobs if k not in self.state.answers]:
                await self._publish(channel, key, answers)
            while (job := await self._next_job()) is not None:
                key = self._key(job)
                self.state.jobs[key] = job
                await self._publish(channel, key, answers)
            while len(self.state.answers) < len(self.state.jobs):
                if lost.is_set():
                    raise Unavailable("the connection was lost")
                self._changed.clear()
                await self._changed.wait()

    @asynccontextmanager
    async def _open_connection(self) -> AsyncGenerator[tuple[AbstractChannel, str, asyncio.Event]]:
        """Yields a channel, the name of the queue for answers, and the event of a lost link."""
        lost = asyncio.Event()

        def on_close(*_: object) -> None:
            lost.set()
            self._changed.set()

        connection = await aio_pika.connect(
            self._url,
            timeout=CONNECT_SECONDS,
            client_properties={"connection_name": "portal sends jobs"},
        )
        async with connection:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            connection.close_callbacks.add(on_close)
            channel.close_callbacks.add(on_close)
            queue = await channel.declare_queue(exclusive=True, auto_delete=True)
            await queue.consume(self._consume_answer, no_ack=True)
            await channel.declare_queue(topology.JOBS, passive=True)
            self.was_connected = True
            yield channel, queue.name, lost

    async def _next_job(self) -> JobMessage | None:
        """Builds the next job in a thread: it may take long, and answers arrive meanwhile."""
        if self._exhausted:
            return None
        try:
            job = await asyncio.to_thread(next, self._jobs, None)
        except (OSError, PortalError) as error:
            raise JobNotBuilt(str(error)) from error
        self._exhausted = self.state.has_all_jobs = job is None
        return job

    def _key(self, job: JobMessage) -> str:
        """Returns the correlation id: the id of the job, or a new one if it is missing or taken."""
        if job.job_id and job.job_id not in self.state.jobs:
            return job.job_id
        return f"sent-{uuid.uuid4()}"

    async def _publish(self, channel: AbstractChannel, key: str, answers: str) -> None:
        job = self.state.jobs[key]
        message = aio_pika.Message(
            job.body,
            headers={topology.DROPPED_HEADER: json.dumps(job.dropped)} if job.dropped else None,
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
            if task is not None and task.cancelling():  # this task itself is cancelled
                raise
            raise Unavailable("the connection was lost while publishing") from None
        except DeliveryError as error:
            raise Unavailable(f"the queue {topology.JOBS} did not accept the job") from error
        self.state.confirmed.add(key)
        self._on_progress(self.state)

    async def _consume_answer(self, message: AbstractIncomingMessage) -> None:
        key = message.correlation_id
        if key is None or key not in self.state.jobs:
            return
        try:
            self.state.answers[key] = JobAnswer.model_validate_json(message.body)
        except ValidationError:
            return  # not an answer to a job; the answer may still arrive
        self._on_progress(self.state)
        self._changed.set()
