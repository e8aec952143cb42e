"""doi, DataCite and MongoDB killed at random instants: the same DOIs, none made twice.

PORTAL_KILLS is the number of kills (4; `make kills` 50), PORTAL_SEED repeats a run that failed.
"""

import asyncio
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aio_pika
import httpx
import pytest
from portal_doi.domain import suffix
from portal_doi.store.rows import stored
from portal_local.launcher import mongodb
from portal_local.launcher.ports import free_port
from portal_shared.contracts.events import DatasetRegistered, DocumentRegistered
from portal_shared.messaging import topology
from portal_shared.runtime.settings import Settings
from pydantic import SecretStr
from pymongo import MongoClient

from tests.builders import dataset_registered, document_registered
from tests.drivers import plain_http
from tests.drivers.datacite import PASSWORD, PREFIX, USER, datacite_process
from tests.drivers.process import ServerProcess
from tests.drivers.servers import RabbitNode
from tests.drivers.services.operators import HEADERS

KILLS = int(os.environ.get("PORTAL_KILLS", "4"))
SEED = int(os.environ.get("PORTAL_SEED", str(time.time_ns() % 10**6)))
DOCUMENTS, PARTS = 6, 10
IDLE_SECONDS = 400
Registered = DatasetRegistered | DocumentRegistered


class Machine:
    """The three processes, each of which can be killed and started again as it was."""

    def __init__(self, folder: Path, amqp_url: str) -> None:
        self._folder = folder
        self._mongo_port = free_port()
        self.mongo = mongodb.start(folder, port=self._mongo_port)
        self.datacite = datacite_process(folder, "--latency", "0.02")
        environment = {
            "PORTAL_AMQP_URL": amqp_url,
            "PORTAL_MONGO_URL": self.mongo.url,
            "PORTAL_DATACITE_URL": self.datacite.url,
            "PORTAL_DATACITE_PREFIX": PREFIX,
            "PORTAL_DATACITE_TIMEOUT": "1",
            "PORTAL_DATACITE_RATE": "1000",
            "PORTAL_RELATIONS_QUIET": "0.5",
            "PORTAL_RELATIONS_PATIENCE": "3",
        }
        uvicorn = ("-m", "uvicorn", "--factory", "portal_doi.app:build")
        self.doi = ServerProcess("doi", *uvicorn, folder=folder, environment=environment)
        for server in (self.datacite, self.doi):
            server.start()

    def kill(self, name: str) -> None:
        """Kill a process and start it again at once."""
        if name == "mongodb":
            self.mongo.kill()
            self.mongo = mongodb.start(self._folder, port=self._mongo_port)
        else:
            server = {"doi": self.doi, "datacite": self.datacite}[name]
            server.kill()
            server.start()

    def stop(self) -> None:
        self.doi.stop()
        self.datacite.stop()
        self.mongo.stop()


@pytest.fixture
def machine(tmp_path: Path, amqp_url: str, rabbitmq_node: RabbitNode) -> Iterator[Machine]:
    asyncio.run(topology.declare(Settings(amqp_url=SecretStr(amqp_url))))
    made = Machine(tmp_path, amqp_url)
    yield made
    made.stop()


@pytest.mark.timeout(3600)
async def test_the_dois_are_the_same_whatever_is_killed_at_any_time(
    machine: Machine, amqp_url: str
) -> None:
    sys.stdout.write(f"PORTAL_SEED={SEED}\n")  # shown when it fails
    chance = random.Random(SEED)  # noqa: S311  # to be repeated
    events: list[Registered] = []
    for number in range(DOCUMENTS):
        organ = f"organ {number}"
        pids = tuple(f"volume {number}.{part}" for part in range(PARTS))
        events.append(document_registered(organ, pids))
        events += [dataset_registered(pid, document=organ) for pid in pids]
    expected = {f"{PREFIX}/{suffix.suffix(_pid(e))}" for e in events}
    chance.shuffle(events)
    connection = await aio_pika.connect(amqp_url)
    async with connection:
        exchange = await (await connection.channel()).get_exchange(topology.EVENTS)

        async def publish(event: Registered) -> None:
            message = aio_pika.Message(event.model_dump_json().encode())
            await exchange.publish(message, event.key)

        # The local database cannot be opened again if it is killed while it creates a collection,
        # so all collections exist before the first kill.
        first, *others = events
        await publish(first)
        await _wait_idle(machine, amqp_url, 1)
        rounds = max(KILLS, 1)
        for number in range(rounds):
            for event in others[number::rounds]:
                await publish(event)
            await asyncio.sleep(chance.uniform(0.1, 1.5))
            victim = chance.choice(["doi", "datacite", "mongodb"])
            await asyncio.to_thread(machine.kill, victim)
        status = await _wait_idle(machine, amqp_url, len(expected))
    assert status["identifiers"]["failed"] == 0
    async with plain_http.async_client(machine.datacite.url, timeout=30) as datacite:
        query = {"prefix": PREFIX, "page[size]": 1000}
        listed = (await datacite.get("/dois", params=query, auth=(USER, PASSWORD))).json()["data"]
        calls = (await datacite.get("/_calls")).json()
    assert {one["id"] for one in listed} == expected
    assert {one["attributes"]["state"] for one in listed} == {"findable"}
    assert calls["answers"]["PUT /dois/{doi} 201"] <= len(expected)  # made once each
    assert not any(name.startswith("POST") for name in calls["calls"])
    organs = [o for o in listed if o["attributes"]["titles"][0]["title"].startswith("Organ")]
    assert {len(o["attributes"]["relatedIdentifiers"]) for o in organs} == {PARTS}


def _pid(event: Registered) -> str:
    return event.dataset.pid if isinstance(event, DatasetRegistered) else event.document.pid


async def _wait_idle(machine: Machine, amqp_url: str, count: int) -> dict[str, Any]:
    """Wait until all are minted and no work is left; leases of a killed process run out first."""
    end = time.monotonic() + IDLE_SECONDS
    async with plain_http.async_client(machine.doi.url, headers=HEADERS, timeout=30) as doi:
        while time.monotonic() < end:
            status = await _get(doi, "/status")
            is_minted = status.get("identifiers", {}).get("minted") == count
            if is_minted and status.get("pending") == 0 == status.get("outbox"):
                return status
            await asyncio.sleep(0.5)
        sys.stdout.write(await _report(machine, amqp_url, doi))
    pytest.fail(f"work is left after {IDLE_SECONDS} s: see the report printed above")


async def _get(doi: httpx.AsyncClient, path: str) -> dict[str, Any]:
    try:
        body: dict[str, Any] = (await doi.get(path)).json()
    except (httpx.HTTPError, ValueError) as error:
        return {"no answer": repr(error)}
    return body


async def _report(machine: Machine, amqp_url: str, doi: httpx.AsyncClient) -> str:
    """For the reader of a failure: the service's status, its open rows, its queues, its log."""
    lines: list[object] = [f"{path}: {await _get(doi, path)}" for path in ("/status", "/health")]
    async with await aio_pika.connect(amqp_url) as connection:
        queues = [*topology.queues_of("doi"), topology.dead_queue("doi")]
        lines += await topology.depths(await connection.channel(), queues)
        delays = [topology.retry_exchange(delay) for delay in Settings().retry_delays]
        lines += await topology.depths(await connection.channel(), delays)
    with MongoClient[dict[str, Any]](machine.mongo.url, serverSelectionTimeoutMS=10_000) as client:
        names = ("state", "version", "needs_work", "next_attempt_at", "waiting_since",
                 "lease_until", "fence", "work_revision", "datacite_unknown", "failures",
                 "unconfirmed_puts", "relatives_pending", "problem")  # fmt: skip
        fields = stored(**dict.fromkeys(names, 1))
        open_rows = {
            "$or": [
                stored(needs_work=True),
                stored(relatives_pending=True),
                stored(state={"$ne": "minted"}),
            ]
        }
        lines += client["doi"]["identifiers"].find(open_rows, fields).limit(20)
        lines += client["doi"]["outbox"].find({}, {"body": 0}).limit(20)
    log = machine.doi.log.read_text(errors="replace")
    return "\n".join(map(str, [*lines, log[-8000:], ""]))
