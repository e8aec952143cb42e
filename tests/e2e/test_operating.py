"""Work of operators and data managers: nothing is lost or doubled by faults and restarts."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aio_pika
import pytest

from tests.drivers import plain_http
from tests.drivers.instance import Portal, killed, until

pytestmark = pytest.mark.timeout(900)  # the portal starts within the first test

AUTHOR = {"role": "author", "person": {"id": "ab", "full_name": "Ada Byron"}}
DATASET: dict[str, Any] = {
    "name": "E2E",
    "title": "A volume",
    "created": "2021-01-01T00:00:00Z",
    "members": [AUTHOR],
    "instrument": {"pid": "ESRF-BM18", "name": "BM18", "facility": "ESRF"},
    "techniques": [{"pid": "http://purl.org/pan-science/PaNET/PaNET01333", "name": "HiP-CT"}],
    "samples": [{"pid": "E2E_heart", "name": "E2E heart"}],
    "parameters": [
        {"name": "organ", "value": "heart"},
        {"name": "voxel_size", "value": 20, "unit": "um"},
    ],
}


def job(job_id: str, *datasets: dict[str, Any]) -> dict[str, Any]:
    document = {"name": "E2E_document", "title": "A document", "members": [AUTHOR]}
    content = {"document": document, "datasets": list(datasets)}
    return {"version": 1, "job_id": job_id, **content}


def test_a_job_with_faults_lists_them_and_registers_the_rest(small: Portal, tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    wrong = {
        **DATASET,
        "name": "E2E_wrong",
        "parameters": [{"name": "a", "value": 1, "unit": "furlong"}, *DATASET["parameters"]],
    }
    path.write_text(json.dumps(job("e2e-1", DATASET, wrong)), "utf-8")
    result = small.run("submit", str(path))
    assert result.returncode == 1
    assert "datasets[1].parameters[0].unit" in result.stdout + result.stderr
    small.done("wait", "--timeout", "120")
    assert small.api("/Datasets/E2E")["title"] == "A volume"
    shown = small.done("jobs", "e2e-1")
    assert "furlong" in shown


def test_the_reason_for_a_missing_doi_is_shown_with_its_job(small: Portal, tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.write_text(
        json.dumps(
            {
                "version": 1,
                "job_id": "e2e-2",
                "datasets": [{**DATASET, "name": "E2E_nobody", "members": []}],
            }
        ),
        "utf-8",
    )
    small.done("submit", str(path))
    small.done("wait", "--timeout", "120")
    assert "creators" in small.done("jobs", "e2e-2")


def test_a_job_that_is_not_json_is_answered(small: Portal) -> None:
    async def send() -> bytes:
        connection = await aio_pika.connect(small.instance()["amqp_url"])
        async with connection:
            channel = await connection.channel()
            answers = await channel.declare_queue(exclusive=True)
            message = aio_pika.Message(b"{nonsense", reply_to=answers.name, correlation_id="c")
            await channel.default_exchange.publish(message, routing_key="ingest.jobs")
            async with asyncio.timeout(60):
                while (got := await answers.get(no_ack=True, fail=False, timeout=60)) is None:
                    await asyncio.sleep(0.1)
            return got.body

    answer = json.loads(asyncio.run(send()))
    assert answer["result"] == "refused"
    assert "line 1, column 2" in answer["problems"][0]["reason"]


def test_a_dead_letter_is_shown_replayed_and_discarded(small: Portal) -> None:
    async def poison() -> None:
        connection = await aio_pika.connect(small.instance()["amqp_url"])
        async with connection:
            channel = await connection.channel()
            exchange = await channel.get_exchange("portal.events")
            message = aio_pika.Message(b'{"pid": 1}', message_id="poison")
            await exchange.publish(message, routing_key="dataset.availability.v1")

    def letters() -> list[dict[str, Any]]:
        """Those of this test; another test leaves one that DataCite would refuse."""
        found: list[dict[str, Any]] = json.loads(small.done("dead-letters", "list", "--json"))
        return [letter for letter in found if letter["id"] == "poison"]

    asyncio.run(poison())
    until(lambda: ["pid" in letter["reason"] for letter in letters()] == [True], 240)
    assert '{"pid": 1}' in small.done("dead-letters", "show", "poison")
    small.done("dead-letters", "replay", "poison")
    until(lambda: [bool(letter["history"]) for letter in letters()] == [True], 240)
    small.done("dead-letters", "discard", "poison")
    assert letters() == []


@pytest.mark.timeout(1500)  # retries may wait minutes
def test_each_part_killed_once_in_the_middle_of_an_import_changes_nothing(small: Portal) -> None:
    """Counted outside of the portal: the records of ICAT and DataCite."""
    time.sleep(2)  # a quorum queue's first moments on one node are not what is tested here
    sending = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "portal_cli.main",
            "import",
            "hoa",
            "--limit",
            "30",
            "--data",
            str(small.data),
            "--json",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    victims = ["ingest", "doi", "indexer", "gateway", "downloader", "icat", "datacite", "search",
               "tape", "rabbitmq", "mongodb"]  # fmt: skip
    for victim in victims:
        time.sleep(1.5)
        killed(small, victim)
    sending.wait(600)
    small.done(
        "import", "hoa", "--limit", "30", "--json", timeout=900
    )  # the first import may have been interrupted
    small.done("wait", "--timeout", "600", timeout=700)
    ingest = small.status()["services"]["ingest"]
    jobs = json.loads(small.done("jobs", "--json", "--limit", "1000"))["jobs"]
    imported = [j for j in jobs if j["job_id"].startswith("hoa-")]
    assert len(imported) == 30
    assert {j["answer"]["result"] for j in imported} == {"done"}
    registered = sum(j["datasets"] for j in imported)
    others = 2  # datasets of other tests here
    assert ingest["datasets"] == registered + others
    assert small.api("/Datasets/count") == {"count": registered + others}
    identifiers = small.status()["services"]["doi"]["identifiers"]
    documents = 30 + 1
    without = 1  # creators, of another test here
    known = identifiers["minted"] + identifiers["adopted"]
    assert known == registered + others - without + documents
    assert identifiers["failed"] == without
    minted = plain_http.get(
        small.part("datacite") + "/dois", params={"page[size]": 1}, auth=("DEMO.PORTAL", "demo")
    ).json()["meta"]["total"]
    assert minted == identifiers["minted"] + without  # whose DOI is reserved, as a draft
    restarted = small.status()["restarts"]
    assert set(victims) <= set(restarted)


def test_a_second_start_finds_its_data_again(small: Portal) -> None:
    count = small.api("/Datasets/count")
    port = small.url.rsplit(":", 1)[1]
    small.done("down")
    assert small.run("status").returncode == 3
    small.done("up", "--detach", "--port", port, "--no-site")
    small.done("wait", "--timeout", "120")
    assert small.api("/Datasets/count") == count
