"""doi, DataCite and MongoDB killed at random instants while the Atlas is imported: the same DOIs.

Skipped unless PORTAL_KILLS is set (`make kills`). PORTAL_SEED repeats a failed run,
PORTAL_KILLS_RECORDS limits the documents. The requests are counted by the DataCite simulator.
"""

import json
import os
import random
import subprocess
import sys
import time
from typing import Any
from urllib.parse import quote

import pytest
from portal_doi.domain import suffix

from tests.drivers import plain_http
from tests.drivers.instance import Portal, killed
from tests.drivers.services.operators import HEADERS

KILLS = int(os.environ.get("PORTAL_KILLS", "0"))
SEED = int(os.environ.get("PORTAL_SEED", str(time.time_ns() % 10**6)))
LIMIT = os.environ.get("PORTAL_KILLS_RECORDS")
VICTIMS = ("doi", "datacite", "mongodb")
MADE = "PUT /dois/{doi} 201"

pytestmark = [
    pytest.mark.skipif(not KILLS, reason="takes minutes; run it with: make kills"),
    pytest.mark.timeout(7200),
]


def test_the_atlas_is_given_the_same_dois_whoever_is_killed(small: Portal) -> None:
    sys.stdout.write(f"PORTAL_SEED={SEED}\n")
    chance = random.Random(SEED)  # noqa: S311  # to be repeated
    time.sleep(2)  # a quorum queue's first moments on one node are not what is tested here
    which = ["import", "hoa", "--no-files", *(["--limit", LIMIT] if LIMIT else [])]
    command = [sys.executable, "-m", "portal_cli.main", *which, "--data", str(small.data)]
    sending = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.1, 2))
        killed(small, chance.choice(VICTIMS))
    sending.wait(1800)
    small.done(*which, timeout=1800)  # who sent it may have given up
    small.done("wait", "--timeout", "1800", timeout=1900)
    audited = small.run("doi", "audit", timeout=900)
    assert audited.returncode == 0, audited.stdout + audited.stderr
    records = _records(small)
    brought = {r["doi"] for r in records if not r["doi"].startswith("10.5072/")}
    expected = {f"10.5072/{suffix.suffix(r['pid'])}" for r in records if r["doi"] not in brought}
    assert {r["doi"] for r in records} - brought == expected
    assert _at_datacite(small) == expected
    calls = plain_http.get(small.part("datacite") + "/_calls", timeout=30).json()["answers"]
    assert calls[MADE] <= len(expected)  # each made once; an answer may have died with DataCite
    sys.stdout.write(f"{KILLS} kills: {len(records)} records, {len(expected)} DOIs made; {calls}\n")


def _records(portal: Portal) -> list[dict[str, Any]]:
    """Every record with the DOI that doi knows of it."""
    jobs = json.loads(portal.done("jobs", "--json", "--limit", "1000"))["jobs"]
    assert jobs
    assert {job["answer"]["result"] for job in jobs} == {"done"}
    with plain_http.client(portal.part("ingest"), headers=HEADERS, timeout=60) as ingest:
        jobs_with_answers = [
            ingest.get(f"/jobs/{quote(job['job_id'], safe='')}").json() for job in jobs
        ]
    outcomes = [o for one in jobs_with_answers for o in one["answer"]["outcomes"]]
    pids = sorted({o["pid"] for o in outcomes if o["kind"] in ("document", "dataset")})
    found: dict[str, str] = {}
    for start in range(0, len(pids), 500):
        names = {"pids": pids[start : start + 500]}
        found |= plain_http.post(
            portal.part("doi") + "/identifiers", json=names, headers=HEADERS, timeout=60
        ).json()
    assert found.keys() == set(pids)
    return [{"pid": pid, "doi": doi} for pid, doi in found.items()]


def _at_datacite(portal: Portal) -> set[str]:
    query = {"prefix": "10.5072", "page[size]": 1000}
    answer = plain_http.get(
        portal.part("datacite") + "/dois", params=query, auth=("DEMO.PORTAL", "demo"), timeout=60
    )
    return {one["id"] for one in answer.raise_for_status().json()["data"]}
