"""Second replicas of the services of a running instance, and what must be there at the end."""

import json
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote

from portal_doi.domain import suffix

from tests.drivers import plain_http
from tests.drivers.instance import Portal
from tests.drivers.process import ServerProcess
from tests.drivers.services.ingest import icat_client
from tests.drivers.services.operators import HEADERS

SERVICES = ("ingest", "doi", "indexer", "gateway", "downloader")
PREFIX = "10.5072"
MADE = "PUT /dois/{doi} 201"
PROTOCOL = "--http"  # an option whose module earlier releases lack


def replica(portal: Portal, name: str, folder: Path, *, python: str = "") -> ServerProcess:
    """Another process of a service, not yet started, with a port of its own.

    It has the command and the environment of the one that runs; `python` is the interpreter of
    another release.
    """
    process = Path(f"/proc/{portal.instance()['services'][name]['pid']}")
    _, *arguments = process.joinpath("cmdline").read_text().rstrip("\0").split("\0")
    variables = process.joinpath("environ").read_text().rstrip("\0").split("\0")
    environment = {**dict(v.split("=", 1) for v in variables), "PORTAL_OPERATOR_PORT": "0"}
    if python and PROTOCOL in arguments:
        at = arguments.index(PROTOCOL)
        del arguments[at : at + 2]
    instead = ("sh", "-c", f'shift; exec {python} "$@"', "sh") if python else ()
    return ServerProcess(
        f"second-{name}",
        *arguments,
        folder=folder,
        environment=environment,
        health="/health",
        prefix=instead,
    )


@contextmanager
def running_replicas(
    portal: Portal, folder: Path, *, python: str = ""
) -> Generator[dict[str, ServerProcess]]:
    """Starts another process of every service, and stops them at the end."""
    made = {name: replica(portal, name, folder, python=python) for name in SERVICES}
    try:
        for one in made.values():
            one.launch()
        for one in made.values():
            one.wait_ready(180)
        yield made
    finally:
        for one in made.values():
            one.stop()


def check_records(portal: Portal) -> str:
    """Checks that every record of every job is in ICAT, index and DataCite, once; returns how many.

    Whatever was sent must have been processed.
    """
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
    assert calls[MADE] == len(made)
    counts = (len(names["dataset"]), len(names["document"]), len(made))
    return "{} datasets, {} documents, {} DOIs made".format(*counts)


def _registered(portal: Portal, kind: str) -> list[str]:
    """Identifiers of the records of all jobs, which must have succeeded."""
    jobs = json.loads(portal.done("jobs", "--json", "--limit", "1000"))["jobs"]
    found: list[str] = []
    with plain_http.client(portal.part("ingest"), headers=HEADERS, timeout=60) as ingest:
        for job in jobs:
            answer = ingest.get(f"/jobs/{quote(job['job_id'], safe='')}").json()["answer"]
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
