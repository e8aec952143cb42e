"""A consumer that answers jobs as ingest would."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from portal_shared.contracts.jobs import Job, JobAnswer, Outcome
from portal_shared.messaging import topology
from pydantic import ValidationError


@dataclass
class AnsweringIngest:
    """Answers `done` to a job and `refused` to anything else."""

    url: str
    received: list[AbstractIncomingMessage] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    silent: Callable[[Job], bool] = lambda _: False
    before_answering: bytes | None = None  # something else sent to the same queue

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        connection = await aio_pika.connect(self.url)
        async with connection:
            channel = await connection.channel()
            queue = await channel.get_queue(topology.JOBS)

            async def answer(message: AbstractIncomingMessage) -> None:
                self.received.append(message)
                body_of_answer = self.answer(message.body)
                for body in (self.before_answering, body_of_answer):
                    if not message.reply_to or body is None:
                        continue
                    await channel.default_exchange.publish(
                        aio_pika.Message(body, correlation_id=message.correlation_id),
                        routing_key=message.reply_to,
                    )
                await message.ack()

            await queue.consume(answer)
            yield

    def answer(self, body: bytes) -> bytes | None:
        try:
            job = Job.model_validate_json(body)
        except ValidationError as error:
            problem = {"field": "job", "reason": str(error.error_count())}
            refusal = {"job_id": "?", "result": "refused", "problems": [problem]}
            return JobAnswer.model_validate(refusal).model_dump_json().encode()
        self.jobs.append(job)
        if self.silent(job):
            return None
        outcomes = [Outcome(kind="dataset", name=d.name, result="registered") for d in job.datasets]
        answer = JobAnswer(job_id=job.job_id, result="done", outcomes=tuple(outcomes))
        return answer.model_dump_json().encode()
