"""The whole import, stage by stage, beside the raw cost of the same number of AMQP hops."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aio_pika
import httpx
import pytest
from portal_local.launcher.ports import free_port
from portal_shared.messaging import topology
from portal_shared.runtime.settings import Settings

from tests.drivers.services.operators import HEADERS

DATASETS, DOCUMENTS = 378, 88


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[tuple[Path, float]]:
    """An empty instance, and how long it took to be ready."""
    port = str(free_port())
    started = time.monotonic()
    portal(tmp_path, "up", "--detach", "--port", port)
    yield tmp_path, time.monotonic() - started
    portal(tmp_path, "down")


def portal(data: Path, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "portal_cli.main", *arguments],
        env={**os.environ, "PORTAL_DATA": str(data)},
        check=True,
        capture_output=True,
        timeout=900,
    )


def statuses(data: Path) -> dict[str, dict[str, Any]]:
    running = json.loads((data / "instance.json").read_text("utf-8"))["services"]
    return {
        name: httpx.get(running[name]["url"] + "/status", headers=HEADERS, timeout=30).json()
        for name in ("ingest", "doi", "indexer")
    }


def reached(status: dict[str, dict[str, Any]]) -> dict[str, bool]:
    identifiers = status["doi"].get("identifiers", {})
    known = identifiers.get("minted", 0) + identifiers.get("adopted", 0)
    indexed = status["indexer"].get("datasets", 0) + status["indexer"].get("documents", 0)
    ingest = status["ingest"]
    return {
        "registered in ICAT": ingest["datasets"] == DATASETS and ingest["documents"] == DOCUMENTS,
        "identified": known == DATASETS + DOCUMENTS,
        "indexed": indexed == DATASETS + DOCUMENTS and not status["indexer"].get("pending"),
        "all idle": not any(t.get("pending") or t.get("outbox") for t in status.values())
        and indexed == DATASETS + DOCUMENTS,
    }


def test_the_atlas_stage_by_stage(instance: tuple[Path, float]) -> None:
    data, ready = instance
    started = time.monotonic()
    sending = subprocess.Popen(
        [sys.executable, "-m", "portal_cli.main", "import", "hoa", "--json", "--data", str(data)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    took: dict[str, float] = {}
    while len(took) < 4 and time.monotonic() - started < 600:
        for stage, done in reached(statuses(data)).items():
            if done and stage not in took:
                took[stage] = time.monotonic() - started
        time.sleep(0.5)
    sending.wait(600)
    amqp = json.loads((data / "instance.json").read_text("utf-8"))["amqp_url"]
    hops = 3 * DATASETS * 3 + 2 * DOCUMENTS * 3
    raw = asyncio.run(bare_hops(amqp, hops))
    print(f"\n{'up, from nothing':28}{ready:8.1f} s")
    for stage, seconds in took.items():
        print(f"{stage:28}{seconds:8.1f} s{DATASETS / seconds:8.1f} datasets/s")
    print(f"{f'{hops} bare AMQP hops':28}{raw:8.1f} s")
    print(f"{'import / bare hops':28}{took['indexed'] / raw:8.1f}")
    assert len(took) == 4


async def bare_hops(url: str, count: int) -> float:
    """The same number of messages through one quorum queue: confirmed, consumed, acknowledged."""
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        await channel.set_qos(50)
        queue = await channel.declare_queue(
            "bench.hops", durable=True, arguments={"x-queue-type": "quorum"}
        )
        body = b"x" * 4000
        done = asyncio.Event()
        seen = 0

        async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            nonlocal seen
            await message.ack()
            seen += 1
            if seen == count:
                done.set()

        await queue.consume(take)
        started = time.monotonic()
        for batch in range(0, count, 100):
            await asyncio.gather(
                *(
                    channel.default_exchange.publish(
                        aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT),
                        routing_key=queue.name,
                    )
                    for _ in range(min(100, count - batch))
                )
            )
        await done.wait()
        seconds = time.monotonic() - started
        await queue.delete(if_unused=False, if_empty=False)
        return seconds


def test_the_topology_is_declared_in_one_go(amqp_url: str) -> None:
    settings = Settings.model_validate({"amqp_url": amqp_url})
    started = time.monotonic()
    asyncio.run(topology.declare(settings))
    print(f"\n{'topology declared':28}{time.monotonic() - started:8.2f} s")
