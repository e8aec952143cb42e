"""Sends one ingest job and prints the answer. Needs Python 3.11 and aio-pika.

    python submit_job.py job.json [amqp://user:password@host:5672/]

The broker's address is the second argument, or PORTAL_AMQP_URL. Exit code: 0 all done, 1 some or
all parts refused, 4 no answer within ten minutes (the job stays in the queue; see `portal jobs`).
"""

# ruff: noqa: INP001, T201  # a script to copy; it prints

import asyncio
import json
import os
import sys
from pathlib import Path

import aio_pika

QUEUE = "ingest.jobs"
ANSWER_SECONDS = 600


async def submit(url: str, body: bytes) -> dict[str, object] | None:
    """Sends the job and returns the answer as JSON, or None if there was none in time."""
    connection = await aio_pika.connect(url, timeout=10)
    async with connection:
        channel = await connection.channel(on_return_raises=True)
        answers = await channel.declare_queue(
            exclusive=True, auto_delete=True
        )  # for this connection only
        job_id = json.loads(body)["job_id"]
        await channel.default_exchange.publish(
            aio_pika.Message(
                body,
                content_type="application/json",
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,  # survives a restart of the broker
                correlation_id=job_id,  # is in the answer, too
                reply_to=answers.name,  # the queue for the answer
            ),
            routing_key=QUEUE,
            mandatory=True,  # raises an error if the queue does not exist
        )
        try:
            async with asyncio.timeout(ANSWER_SECONDS), answers.iterator(no_ack=True) as messages:
                async for message in messages:
                    if message.correlation_id == job_id:
                        return json.loads(message.body)
        except TimeoutError:
            pass
        return None


def main() -> int:
    body = Path(sys.argv[1]).read_bytes()
    url = sys.argv[2] if sys.argv[2:] else os.environ["PORTAL_AMQP_URL"]
    answer = asyncio.run(submit(url, body))
    if answer is None:
        print(f"no answer within {ANSWER_SECONDS} s; the job stays in the queue", file=sys.stderr)
        return 4
    print(json.dumps(answer, indent=1, ensure_ascii=False))
    return 0 if answer["result"] == "done" else 1


if __name__ == "__main__":
    sys.exit(main())
