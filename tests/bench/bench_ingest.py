"""Ingest compared with bare work: python-icat on the same datasets, sha256sum on the same files.

PORTAL_BENCH_DATASETS sets the number of datasets (python-icat alone, whose cost per dataset is
constant, registers at most a thousand), PORTAL_BENCH_FILES the number of files in a job.
"""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aio_pika
import httpx
import pytest
import yaml
from portal_local.launcher.ports import free_port, listens, wait_until
from portal_local.launcher.processes import Child
from portal_shared.messaging import topology
from portal_shared.runtime.settings import Settings

DATASETS = int(os.environ.get("PORTAL_BENCH_DATASETS", "10000"))
FEWER = min(DATASETS, 1000)
FILES = int(os.environ.get("PORTAL_BENCH_FILES", "100000"))
A_JOB = 50
PANET = "http://purl.org/pan-science/PaNET/PaNET01333"
ALONE = """
import icat, sys, time
client = icat.Client(sys.argv[1])
client.login("simple", {"username": "ingest", "password": "ingest"})
one = lambda kind, **more: (lambda made: (made.create(), made)[1])(client.new(kind, **more))
facility = one("facility", name="Alone")
kinds = {k: one(k, facility=facility, name="x") for k in ("investigationType", "datasetType")}
proposal = one("investigation", facility=facility, type=kinds["investigationType"], name="md1",
               visitId="BM18", title="T")
machine = one("instrument", facility=facility, name="BM18")
technique = one("technique", name="alone")
sample = one("sample", investigation=proposal, name="s")
number = one("parameterType", facility=facility, name="n", units="um", valueType="NUMERIC",
             applicableToDataset=True)
text = one("parameterType", facility=facility, name="t", units="", valueType="STRING",
           applicableToDataset=True)
stub = lambda kind, known: client.new(kind, id=known.id)
started = time.monotonic()
for n in range(int(sys.argv[2])):
    made = client.new("dataset", name=f"d{n}", description="Volume", complete=True,
                      investigation=stub("investigation", proposal),
                      type=stub("datasetType", kinds["datasetType"]),
                      sample=stub("sample", sample))
    made.parameters = [client.new("datasetParameter", type=number, numericValue=25.14),
                       client.new("datasetParameter", type=text, stringValue="kidney")]
    made.datasetInstruments = [
        client.new("datasetInstrument", instrument=stub("instrument", machine))]
    made.datasetTechniques = [
        client.new("datasetTechnique", technique=stub("technique", technique))]
    made.create()
print(time.monotonic() - started)
"""


class Running:
    """ICAT and ingest as processes of their own."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.settings, self.root = settings, folder / "archive"
        self.root.mkdir()
        self.icat_port, port = free_port(), free_port()
        command = [sys.executable, "-m", "portal_local.icat", "--host", "127.0.0.1",
                   "--port", str(self.icat_port), "--data", str(folder / "icat")]  # fmt: skip
        self.icat = Child("icat", command, log=folder / "icat.log", environment={})
        wait_until(lambda: listens(self.icat_port), self.icat, 60)
        self.url = f"http://127.0.0.1:{port}"
        self.ingest = Child(
            "ingest",
            [sys.executable, "-m", "uvicorn", "--factory", "portal_ingest.app:build",
             "--port", str(port), "--log-level", "warning"],
            log=folder / "ingest.log",
            environment={
                "PORTAL_AMQP_URL": settings.amqp_url.get_secret_value(),
                "PORTAL_MONGO_URL": settings.mongo_url.get_secret_value(),
                "PORTAL_DATABASE_PREFIX": settings.database_prefix,
                "PORTAL_ICAT_URL": f"http://127.0.0.1:{self.icat_port}",
                "PORTAL_INTAKE_ROOT": str(self.root),
                "PORTAL_LOG_LEVEL": "WARNING",
            },
        )  # fmt: skip
        wait_until(self._ready, self.ingest, 60)

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def memory(self, what: str = "VmRSS") -> float:
        """Megabytes."""
        status = Path(f"/proc/{self.ingest.pid}/status").read_text("utf-8")
        line = next(row for row in status.splitlines() if row.startswith(what))
        return int(line.split()[1]) / 1024

    async def do(self, jobs: list[dict[str, Any]]) -> float:
        """Seconds until all are answered, each with all done."""
        connection = await aio_pika.connect(self.settings.amqp_url.get_secret_value())
        async with connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(exclusive=True)
            started = time.monotonic()
            for job in jobs:
                message = aio_pika.Message(json.dumps(job).encode(), reply_to=queue.name)
                await channel.default_exchange.publish(message, routing_key=topology.JOBS)
            left = len(jobs)
            while left:
                answer = await queue.get(no_ack=True, fail=False, timeout=60)
                if answer is None:
                    await asyncio.sleep(0.05)
                    continue
                assert json.loads(answer.body)["result"] == "done", answer.body[:500]
                left -= 1
            return time.monotonic() - started

    def stop(self) -> None:
        self.ingest.stop()
        self.icat.stop()


@pytest.fixture
def running(settings: Settings, tmp_path: Path) -> Iterator[Running]:
    asyncio.run(topology.declare(settings))
    found = Running(tmp_path, settings)
    yield found
    found.stop()


def dataset(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "title": "Volume",
        "created": "2021-09-26T00:00:00Z",
        "proposal": "md1290",
        "instrument": {"pid": "ESRF-BM18", "name": "BM18", "facility": "ESRF"},
        "techniques": [{"pid": PANET, "name": "x-ray propagation phase contrast"}],
        "samples": [{"pid": "s", "name": "s"}],
        "parameters": [
            {"name": "voxel_size", "value": 25.14, "unit": "um"},
            {"name": "organ", "value": "kidney"},
        ],
        **more,
    }


def job(*datasets: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "job_id": str(uuid.uuid4()), "datasets": list(datasets)}


def test_registration_beside_python_icat_alone(running: Running) -> None:
    url = f"http://127.0.0.1:{running.icat_port}"
    command = [sys.executable, "-c", ALONE, url, str(FEWER)]
    alone = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    jobs = [
        job(*(dataset(f"d{n + m:06d}") for m in range(A_JOB))) for n in range(0, DATASETS, A_JOB)
    ]
    ours = asyncio.run(running.do(jobs))
    print("\ndatasets registered")
    print(f"{'python-icat alone':30}{FEWER:6} {alone:8.1f} s{FEWER / alone:8.1f} datasets/s")
    print(f"{'ingest: ICAT, MongoDB, outbox':30}{DATASETS:6} {ours:8.1f} s{DATASETS / ours:8.1f}")
    ratio = (ours / DATASETS) / (alone / FEWER)
    print(f"{'time for each, ingest / alone':37}{ratio:8.2f}  (at most 1.3 is wanted)")


def test_memory_while_a_job_with_many_files_passes(running: Running) -> None:
    asyncio.run(running.do([job(dataset("warm"))]))
    folder = running.root / "many"
    lines: list[str] = []
    for number in range(FILES):
        name = f"{number // 1000:03d}/{number % 1000:03d}.tif"
        if number % 1000 == 0:
            (folder / name).parent.mkdir(parents=True)
        content = str(number).encode()
        (folder / name).write_bytes(content)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    (folder / "SHA256SUMS").write_text("".join(lines), "utf-8")
    before = running.memory()
    seconds = asyncio.run(running.do([job(dataset("m", folder="many", manifest="SHA256SUMS"))]))
    peak = running.memory("VmHWM")
    print(f"\none dataset of {FILES} files: {seconds:.1f} s")
    print(f"{'memory before':24}{before:8.1f} MB")
    print(f"{'memory at its highest':24}{peak:8.1f} MB")
    print(f"{'highest / before':24}{peak / before:8.2f}")


def test_curate_beside_sha256sum(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "a").mkdir(parents=True)
    block = os.urandom(1 << 20)
    for number in range(48):
        with (data / "a" / f"f{number:02d}.raw").open("wb") as file:
            for _ in range(32):
                file.write(block)
    person = {"person": {"id": "p", "full_name": "Ada Lovelace"}}
    document = {"name": "d", "title": "D", "members": [person]}
    text = yaml.safe_dump({"document": document, "datasets": [dataset("a")]})
    (data / "metadata.yaml").write_text(text, "utf-8")
    files = sorted(str(f) for f in (data / "a").iterdir())
    size = 48 * 32 / 1024
    command = ["xargs", "-P", "2", "-n", "8", "sha256sum"]
    for _ in range(2):  # the first warms the cache
        started = time.monotonic()
        subprocess.run(command, input="\n".join(files), text=True, check=True, capture_output=True)
        sums = time.monotonic() - started
    curate = [sys.executable, "-m", "portal_cli.main", "curate", str(data), "--json",
              "--output", str(tmp_path / "job.json")]  # fmt: skip
    took: list[float] = []
    for _ in range(2):
        started = time.monotonic()
        subprocess.run(curate, check=True, capture_output=True)
        took.append(time.monotonic() - started)
    print(f"\n{size:.2f} GiB in {len(files)} files, 2 at once")
    print(f"{'sha256sum':28}{sums:8.2f} s{size / sums:8.2f} GiB/s")
    print(f"{'portal curate':28}{took[0]:8.2f} s{size / took[0]:8.2f} GiB/s")
    print(f"{'portal curate, second run':28}{took[1]:8.2f} s")
    print(f"{'curate / sha256sum, speed':28}{sums / took[0]:8.2f}  (at least 0.8 is wanted)")
