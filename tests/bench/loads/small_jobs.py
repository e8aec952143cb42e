"""Small jobs, of one document and one dataset each, sent to an instance of the portal."""

import asyncio
import json
import os
import time
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from portal_shared.messaging import topology

from tests.bench.jobs.processes import Usage, usage_by_process
from tests.drivers import plain_http
from tests.drivers.instance import Portal, started
from tests.drivers.services.operators import HEADERS

MAX_SECONDS = 3600
POLL_SECONDS = 0.5  # one /status of 10 to 20 ms each time
DATACITE_RATE = "PORTAL_DATACITE_RATE"
UNLIMITED = "1000"  # calls per second: the portal is measured, not what DataCite allows
PANET = "http://purl.org/pan-science/PaNET/PaNET01333"


def small_job(number: int) -> dict[str, Any]:
    """Returns a job with one document and one dataset, which nothing else refers to."""
    name = f"small-{number:06d}"
    person = {"person": {"id": f"p{number % 500}", "full_name": f"Ada Lovelace {number % 500}"}}
    dataset = {
        "name": name,
        "title": f"Overview of sample {number}",
        "created": "2021-09-26T00:00:00Z",
        "proposal": f"md{number % 100}",
        "instrument": {"pid": "ESRF-BM18", "name": "BM18", "facility": "ESRF"},
        "techniques": [{"pid": PANET, "name": "x-ray propagation phase contrast"}],
        "samples": [{"pid": f"s{number}", "name": f"sample {number}"}],
        "parameters": [
            {"name": "voxel_size", "value": 2 + number % 30, "unit": "um"},
            {"name": "organ", "value": "kidney"},
        ],
        "members": [person],
    }
    return {
        "version": 1,
        "job_id": str(uuid.uuid4()),
        "document": {"name": f"document-{name}", "title": f"Sample {number}", "members": [person]},
        "datasets": [dataset],
    }


@dataclass(frozen=True)
class Import:
    seconds: float  # until everything is indexed and in ICAT
    answered: list[float]  # seconds until each answer


class Instance:
    """A running instance, with the process ids and the addresses of its parts."""

    def __init__(self, portal: Portal, extra_pids: Mapping[str, int]) -> None:
        self.portal = portal
        facts = portal.instance()
        parts = {**facts["servers"], **facts["services"]}
        self.pids = {name: part["pid"] for name, part in parts.items()} | {**extra_pids}
        self.amqp_url = str(facts["amqp_url"])
        self.sent = 0

    def usage(self) -> dict[str, Usage]:
        return usage_by_process(self.pids)

    def run(self, count: int) -> Import:
        """Sends jobs and returns when all are answered and nothing waits any more."""
        begun = time.monotonic()
        answered = asyncio.run(self._answers(count))
        self._wait_until_idle()
        return Import(time.monotonic() - begun, answered)

    async def _answers(self, count: int) -> list[float]:
        connection = await aio_pika.connect(self.amqp_url)
        async with connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(exclusive=True)
            begun = time.monotonic()
            answered: list[float] = []
            everything = asyncio.Event()

            async def receive(answer: aio_pika.abc.AbstractIncomingMessage) -> None:
                assert json.loads(answer.body)["result"] == "done", answer.body[:500]
                answered.append(time.monotonic() - begun)
                if len(answered) == count:
                    everything.set()

            await queue.consume(receive, no_ack=True)
            for _ in range(count):
                body = json.dumps(small_job(self.sent)).encode()
                self.sent += 1
                message = aio_pika.Message(body, reply_to=queue.name)
                await channel.default_exchange.publish(message, routing_key=topology.JOBS)
            async with asyncio.timeout(MAX_SECONDS):
                await everything.wait()
            return answered

    def _wait_until_idle(self) -> None:
        """Looks at one service after the other, and at all again if one was not done."""
        end = time.monotonic() + MAX_SECONDS
        while not all(self._is_done(name) for name in ("ingest", "doi", "indexer")):
            assert time.monotonic() < end, "not everything is indexed"
            time.sleep(POLL_SECONDS)

    def _is_done(self, service: str) -> bool:
        url = f"{self.portal.part(service)}/status"
        status = plain_http.get(url, headers=HEADERS, timeout=60).json()
        known = {
            "ingest": lambda: status["documents"],
            "doi": lambda: status["identifiers"].get("minted", 0) // 2,
            "indexer": lambda: status["documents"],
        }[service]()
        return known >= self.sent and not status.get("pending") and not status.get("outbox")


@contextmanager
def instance(folder: Path, extra_pids: Mapping[str, int] | None = None) -> Generator[Instance]:
    """Runs an instance for which DataCite has no limit of calls, unless one is set."""
    with pytest.MonkeyPatch.context() as environment:
        if DATACITE_RATE not in os.environ:
            environment.setenv(DATACITE_RATE, UNLIMITED)
            print(f"\n{DATACITE_RATE}={UNLIMITED}: the limit of DataCite is not measured")
        portal = started(folder)
        try:
            yield Instance(portal, extra_pids or {})
        finally:
            portal.done("down")
