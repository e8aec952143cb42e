"""doi, DataCite and MongoDB killed at random instants: the same DOIs, none made twice.

PORTAL_KILLS says how often (4; `make kills` 50), PORTAL_SEED repeats a run that failed.
"""

import asyncio
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aio_pika
import httpx
import pytest
from portal_doi.domain import suffix
from portal_local.launcher import mongodb
from portal_local.launcher.ports import free_port, listens, wait_until
from portal_local.launcher.processes import Child
from portal_shared.contracts.events import Event
from portal_shared.messaging import topology
from portal_shared.runtime.settings import Settings
from pydantic import SecretStr
from pymongo import MongoClient

KILLS = int(os.environ.get("PORTAL_KILLS", "4"))
SEED = int(os.environ.get("PORTAL_SEED", str(time.time_ns() % 10**6)))
DOCUMENTS, PARTS = 6, 10
SETTLED_SECONDS = 400
PREFIX = "10.5072"
Records = Callable[..., Any]


class Machine:
    """The three processes, each of which can be killed and started again as it was."""

    def __init__(self, folder: Path, amqp_url: str) -> None:
        self._folder = folder
        self._ports = {"doi": free_port(), "datacite": free_port(), "mongodb": free_port()}
        self.mongo = mongodb.start(folder, port=self._ports["mongodb"])
        self._children: dict[str, Child] = {}
        self._environment = {
            "PORTAL_AMQP_URL": amqp_url,
            "PORTAL_MONGO_URL": self.mongo.url,
            "PORTAL_DATACITE_URL": self.url("datacite"),
            "PORTAL_DATACITE_PREFIX": PREFIX,
            "PORTAL_DATACITE_TIMEOUT": "1",
            "PORTAL_DATACITE_RATE": "1000",
            "PORTAL_RELATIONS_QUIET": "0.5",
            "PORTAL_RELATIONS_PATIENCE": "3",
        }
        for name in ("datacite", "doi"):
            self._start(name)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._ports[name]}"

    def _start(self, name: str) -> None:
        port = str(self._ports[name])
        command = {
            "doi": ["-m", "uvicorn", "--factory", "portal_doi.app:build", "--port", port],
            "datacite": ["-m", "portal_local.datacite", "--port", port, "--latency", "0.02",
                         "--data", str(self._folder)],
        }[name]  # fmt: skip
        log = self._folder / f"{name}.log"
        child = Child(name, [sys.executable, *command], log=log, environment=self._environment)
        self._children[name] = child
        wait_until(lambda: listens(int(port)), child, 60)

    def log(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text(errors="replace")

    def kill(self, name: str) -> None:
        """At once, and up again."""
        if name == "mongodb":
            self.mongo.kill()
            self.mongo = mongodb.start(self._folder, port=self._ports["mongodb"])
        else:
            self._children[name].kill()
            self._start(name)

    def stop(self) -> None:
        for child in self._children.values():
            child.stop()
        self.mongo.stop()


@pytest.fixture
def machine(tmp_path: Path, amqp_url: str, rabbitmq_node: Any) -> Iterator[Machine]:
    asyncio.run(topology.declare(Settings(amqp_url=SecretStr(amqp_url))))
    made = Machine(tmp_path, amqp_url)
    yield made
    made.stop()


@pytest.mark.timeout(3600)
async def test_the_same_dois_whoever_is_killed_whenever(
    machine: Machine, amqp_url: str, dataset: Records, document: Records
) -> None:
    sys.stdout.write(f"PORTAL_SEED={SEED}\n")  # shown when it fails
    chance = random.Random(SEED)  # noqa: S311  # to be repeated
    events: list[Event] = []
    for number in range(DOCUMENTS):
        pids = [f"volume {number}.{part}" for part in range(PARTS)]
        events.append(document(f"organ {number}", pids))
        events += [dataset(pid, document=f"organ {number}") for pid in pids]
    expected = {f"{PREFIX}/{suffix.suffix(_pid(e))}" for e in events}
    chance.shuffle(events)
    connection = await aio_pika.connect(amqp_url)
    async with connection:
        exchange = await (await connection.channel()).get_exchange(topology.EVENTS)
        rounds = max(KILLS, 1)
        for number in range(rounds):
            for event in events[number::rounds]:
                await exchange.publish(
                    aio_pika.Message(event.model_dump_json().encode()), event.key
                )
            await asyncio.sleep(chance.uniform(0.1, 1.5))
            victim = chance.choice(["doi", "datacite", "mongodb"])
            await asyncio.to_thread(machine.kill, victim)
        told = await _settled(machine, amqp_url, len(expected))
    assert told["identifiers"]["failed"] == 0
    async with httpx.AsyncClient(base_url=machine.url("datacite"), timeout=30) as datacite:
        asked = {"prefix": PREFIX, "page[size]": 1000}
        credentials = ("DEMO.PORTAL", "demo")
        listed = (await datacite.get("/dois", params=asked, auth=credentials)).json()["data"]
        calls = (await datacite.get("/_calls")).json()
    assert {one["id"] for one in listed} == expected
    assert {one["attributes"]["state"] for one in listed} == {"findable"}
    assert calls["answers"]["PUT /dois/{doi} 201"] <= len(expected)  # made once each
    assert not any(name.startswith("POST") for name in calls["calls"])
    organs = [o for o in listed if o["attributes"]["titles"][0]["title"].startswith("Organ")]
    assert {len(o["attributes"]["relatedIdentifiers"]) for o in organs} == {PARTS}


def _pid(event: Any) -> str:
    return str((getattr(event, "dataset", None) or event.document).pid)


async def _settled(machine: Machine, amqp_url: str, count: int) -> dict[str, Any]:
    """Once all are minted and nothing waits; what a killed one held comes free with its lease."""
    end = time.monotonic() + SETTLED_SECONDS
    async with httpx.AsyncClient(base_url=machine.url("doi"), timeout=30) as doi:
        while time.monotonic() < end:
            told = await _asked(doi, "/status")
            done = told.get("identifiers", {}).get("minted") == count
            if done and not told["pending"] and not told["outbox"]:
                return told
            await asyncio.sleep(0.5)
        sys.stdout.write(await _what_hangs(machine, amqp_url, doi))
    pytest.fail(f"not settled after {SETTLED_SECONDS} s: what was printed says where it hangs")


async def _asked(doi: httpx.AsyncClient, path: str) -> dict[str, Any]:
    try:
        told: dict[str, Any] = (await doi.get(path)).json()
    except (httpx.HTTPError, ValueError) as error:
        return {"no answer": repr(error)}
    return told


async def _what_hangs(machine: Machine, amqp_url: str, doi: httpx.AsyncClient) -> str:
    """For who reads the failure: what doi says, its open rows, its queues, the end of its log."""
    told: list[object] = [f"{path}: {await _asked(doi, path)}" for path in ("/status", "/health")]
    async with await aio_pika.connect(amqp_url) as connection:
        queues = [*topology.queues_of("doi"), topology.dead_queue("doi")]
        told += await topology.depths(await connection.channel(), queues)
        delays = [topology.retry_exchange(delay) for delay in Settings().retry_delays]
        told += await topology.depths(await connection.channel(), delays)
    with MongoClient[dict[str, Any]](machine.mongo.url, serverSelectionTimeoutMS=10_000) as client:
        shown = dict.fromkeys(
            ("state", "version", "waiting", "due", "since", "until", "fence", "rev", "unsure",
             "tries", "asked", "telling", "problem"), 1,
        )  # fmt: skip
        open_ones = {"$or": [{"waiting": True}, {"telling": True}, {"state": {"$ne": "minted"}}]}
        told += client["doi"]["identifiers"].find(open_ones, shown).limit(20)
        told += client["doi"]["outbox"].find({}, {"body": 0}).limit(20)
    return "\n".join(map(str, [*told, machine.log("doi")[-8000:], ""]))
