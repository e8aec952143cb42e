"""Two replicas of every service, killed at random while records come in: each is there once.

Skipped unless PORTAL_KILLS is set (`make kills`). PORTAL_SEED repeats a failed run,
PORTAL_KILLS_RECORDS limits the documents. The second replica of a service has the command and the
environment of the first, and ports of its own.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from portal_doi.domain import suffix

from tests.drivers import plain_http
from tests.drivers.instance import Portal, killed, started
from tests.drivers.process import ServerProcess
from tests.drivers.services.ingest import icat_client

KILLS = int(os.environ.get("PORTAL_KILLS", "0"))
SEED = int(os.environ.get("PORTAL_SEED", str(time.time_ns() % 10**6)))
LIMIT = os.environ.get("PORTAL_KILLS_RECORDS", "40")
SERVICES = ("ingest", "doi", "indexer", "gateway", "downloader")
PREFIX = "10.5072"

pytestmark = [
    pytest.mark.skipif(not KILLS, reason="takes minutes; run it with: make kills"),
    pytest.mark.timeout(7200),
]


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    made = started(tmp_path)
    try:
        yield made
    finally:
        made.run("down")


@pytest.fixture
def second(portal: Portal, tmp_path: Path) -> Iterator[dict[str, ServerProcess]]:
    """The second replicas, which run."""
    made = {name: _replica(portal, name, tmp_path) for name in SERVICES}
    try:
        for replica in made.values():
            replica.launch()
        for replica in made.values():
            replica.wait_ready(180)
        yield made
    finally:
        for replica in made.values():
            replica.stop()


def _replica(portal: Portal, name: str, folder: Path) -> ServerProcess:
    process = Path(f"/proc/{portal.instance()['services'][name]['pid']}")
    _, *arguments = process.joinpath("cmdline").read_text().rstrip("\0").split("\0")
    variables = process.joinpath("environ").read_text().rstrip("\0").split("\0")
    environment = {**dict(v.split("=", 1) for v in variables), "PORTAL_OPERATOR_PORT": "0"}
    return ServerProcess(
        f"second-{name}", *arguments, folder=folder, environment=environment, health="/health"
    )


def test_every_record_is_there_once_whichever_replicas_are_killed(
    portal: Portal, second: dict[str, ServerProcess]
) -> None:
    sys.stdout.write(f"PORTAL_SEED={SEED}\n")
    chance = random.Random(SEED)  # noqa: S311  # to be repeated
    which = ["import", "hoa", "--no-files", "--limit", LIMIT]
    command = [sys.executable, "-m", "portal_cli.main", *which, "--data", str(portal.data)]
    sending = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    victims: Counter[str] = Counter()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.1, 2))
        name = chance.choice(SERVICES)
        if chance.random() < 1 / 2:
            killed(portal, name)
        else:
            second[name].kill()
            second[name].start(180)
            name = second[name].name
        victims[name] += 1
    sending.wait(1800)
    portal.done(*which, timeout=1800)  # who sent it may have given up
    portal.done("wait", "--timeout", "1800", timeout=1900)
    audited = portal.run("doi", "audit", timeout=900)
    assert audited.returncode == 0, audited.stdout + audited.stderr
    names = {kind: _registered(portal, kind) for kind in ("document", "dataset")}
    assert names["dataset"]
    assert _indexed(portal, "Datasets") == _in_icat(portal) == names["dataset"]
    assert _indexed(portal, "Documents") == names["document"]
    made = _at_datacite(portal)
    assert max(Counter(made).values()) == 1
    known = chain.from_iterable(names.values())
    assert set(made) <= {f"{PREFIX}/{suffix.suffix(name)}" for name in known}
    calls = plain_http.get(portal.part("datacite") + "/_calls", timeout=30).json()["answers"]
    assert calls["PUT /dois/{doi} 201"] == len(made)
    sys.stdout.write(
        f"{KILLS} kills: {len(names['dataset'])} datasets, {len(names['document'])} documents,"
        f" {len(made)} DOIs made; killed {dict(victims)}\n"
    )


def _registered(portal: Portal, kind: str) -> list[str]:
    """Identifiers of the records of all jobs, which must have succeeded."""
    found: list[str] = []
    for job in json.loads(portal.done("jobs", "--json", "--limit", "1000"))["jobs"]:
        answer = json.loads(portal.done("jobs", job["job_id"], "--json"))["answer"]
        assert answer["result"] == "done", answer
        found += [o["pid"] for o in answer["outcomes"] if o["kind"] == kind]
    return sorted(set(found))


def _indexed(portal: Portal, collection: str) -> list[str]:
    rows: list[dict[str, Any]] = portal.api(f"/{collection}", filter={"limit": 10_000})
    return sorted(row["pid"] for row in rows)


def _in_icat(portal: Portal) -> list[str]:
    with icat_client(portal.part("icat")) as client:
        return sorted(client.search("SELECT o.name FROM Dataset o WHERE o.complete = TRUE"))


def _at_datacite(portal: Portal) -> list[str]:
    query = {"prefix": PREFIX, "page[size]": 1000}
    answer = plain_http.get(
        portal.part("datacite") + "/dois", params=query, auth=("DEMO.PORTAL", "demo"), timeout=60
    )
    return [one["id"] for one in answer.raise_for_status().json()["data"]]
