"""Sends one ingest job and prints the answer. Needs Python 3.11 with aio-pika, nothing else.

    python submit_job.py job.json [amqp://user:password@host:5672/]

The address is the second argument, else PORTAL_AMQP_URL. Exit code: 0 done, 1 partly or wholly
refused, 4 no answer within ten minutes (the job is kept: send it again later, or look it up).
"""

# ruff: noqa: INP001, T201  # a script to copy, which prints

import asyncio
import json
import os
import sys
from pathlib import Path

import aio_pika

QUEUE = "ingest.jobs"
PATIENCE = 600  # seconds


async def submit(url: str, body: bytes) -> dict[str, object] | None:
    """The answer as JSON; None when none came in time."""
    connection = await aio_pika.connect(url, timeout=10)
    async with connection:
        channel = await connection.channel(on_return_raises=True)
        answers = await channel.declare_queue(exclusive=True, auto_delete=True)  # ours alone
        job_id = json.loads(body)["job_id"]
        await channel.default_exchange.publish(
            aio_pika.Message(
                body,
                content_type="application/json",
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,  # survives a broker's restart
                correlation_id=job_id,  # comes back with the answer
                reply_to=answers.name,  # where the answer is to go
            ),
            routing_key=QUEUE,
            mandatory=True,  # an error if the queue is not there, instead of silence
        )
        try:
            async with asyncio.timeout(PATIENCE), answers.iterator(no_ack=True) as messages:
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
        print("no answer", file=sys.stderr)
        return 4
    print(json.dumps(answer, indent=1, ensure_ascii=False))
    return 0 if answer["result"] == "done" else 1


if __name__ == "__main__":
    sys.exit(main())
