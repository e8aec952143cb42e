"""pyicat-plus, unmodified, registers datasets: over STOMP, through the bridge, into ICAT."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import icat
import pytest
from portal_ingest.settings import IngestSettings
from portal_ingest.stomp import bridge, esrf_messages
from portal_local.launcher import rabbitmq
from portal_local.launcher.ports import free_port
from portal_shared.messaging import topology
from portal_shared.runtime.errors import Invalid
from portal_shared.runtime.settings import Settings

from tests.drivers.services.ingest import running_app

pytestmark = pytest.mark.filterwarnings("ignore")  # warnings of other libraries
BOMB = b"""<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>
<dataset><name>&b;</name></dataset>"""


@pytest.fixture(scope="module")
def stomp_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rabbitmq.Node]:
    """A node of its own: the plugin's port belongs to the whole broker."""
    if rabbitmq.start_script() is None:
        pytest.skip("no rabbitmq-server is installed")
    node = rabbitmq.start(tmp_path_factory.mktemp("stomp"), stomp=True)
    yield node
    node.stop()


@pytest.fixture
def proxy_port() -> int:
    return free_port()


@pytest.fixture
async def http(
    stomp_node: rabbitmq.Node, mongo_server: str, icat_url: str, proxy_port: int
) -> AsyncIterator[httpx.AsyncClient]:
    shared: dict[str, Any] = {
        "amqp_url": stomp_node.url,
        "mongo_url": mongo_server,
        "database_prefix": f"t{uuid.uuid4().hex[:10]}_",
    }
    await topology.declare(Settings(**shared))
    own = IngestSettings(
        **shared,
        icat_url=icat_url,
        esrf_bridge=True,
        esrf_stomp=f"127.0.0.1:{stomp_node.stomp_port}",
        esrf_stomp_door=f"127.0.0.1:{proxy_port}",
    )
    async with running_app(own) as (_, client):
        yield client


async def finished(http: httpx.AsyncClient, count: int) -> list[dict[str, Any]]:
    """Waits until so many jobs are finished and returns all jobs."""
    async with asyncio.timeout(60):
        while True:
            jobs = (await http.get("/jobs")).json()["jobs"]
            if len([j for j in jobs if j["state"] == "finished"]) >= count:
                return jobs
            await asyncio.sleep(0.2)


def send(port: int, location: Path) -> None:
    """Sends what a beamline sends, with the published client."""
    from pyicat_plus.client.main import IcatClient  # noqa: PLC0415  # heavy

    urls = [f"127.0.0.1:{port}"]
    client = IcatClient(
        metadata_urls=urls, update_metadata_urls=urls, add_files_urls=urls,
        archive_urls=urls, reschedule_investigation_urls=urls,
    )  # fmt: skip
    client.start_investigation(beamline="bm18", proposal="md1290")
    client.store_dataset(
        beamline="bm18",
        proposal="md1290",
        dataset="scan_0001",
        path=str(location),
        metadata={"Sample_name": "LADAF-2021-17_heart", "TOMOAcquisition_energy": "113"},
    )
    client.store_processed_data(
        beamline="bm18",
        proposal="md1290",
        dataset="volume",
        path=str(location / "processed"),
        metadata={"Sample_name": "LADAF-2021-17_heart"},
        raw=[str(location)],
    )
    client.disconnect()


def send_refused_messages(port: int) -> None:
    from pyicat_plus.client.main import IcatClient  # noqa: PLC0415  # heavy
    from pyicat_plus.client.types import ArchiveStatusType  # noqa: PLC0415

    urls = [f"127.0.0.1:{port}"]
    client = IcatClient(
        add_files_urls=urls, archive_urls=urls, reschedule_investigation_urls=urls
    )  # fmt: skip
    client.add_files(dataset_id=12)
    client.update_archive_restore_status(
        dataset_id=12, type=ArchiveStatusType.ARCHIVING, message="done"
    )
    client.reschedule_investigation("34")
    client.disconnect()


async def test_the_unmodified_client_registers_a_dataset(
    http: httpx.AsyncClient, proxy_port: int, catalogue: icat.Client, tmp_path: Path
) -> None:
    await asyncio.to_thread(send, proxy_port, tmp_path)
    jobs = await finished(http, 3)
    outcomes = [(j["sender"], j["answer"]["result"]) for j in jobs]
    assert outcomes == [("pyicat-plus", "done")] * 3, jobs
    found = catalogue.assertedSearch(
        "SELECT o FROM Dataset o WHERE o.name = 'scan_0001' INCLUDE o.parameters AS p, p.type,"
        " o.sample, o.investigation AS i, o.type"
    )[0]
    assert (found.name, found.investigation.name) == ("scan_0001", "md1290")
    assert found.investigation.visitId == "BM18"
    assert found.sample.name == "LADAF-2021-17_heart"
    assert (found.startDate, found.endDate) != (None, None)
    assert found.startDate <= found.endDate
    processed = catalogue.assertedSearch(
        "SELECT p.stringValue, p.dataset.type.name FROM DatasetParameter p"
        " WHERE p.dataset.name = 'volume' AND p.type.name = 'input_datasets'"
    )
    assert [tuple(row) for row in processed] == [(str(tmp_path), "processed")]
    assert found.type.name == "acquisition"
    energy = next(p for p in found.parameters if p.type.name == "TOMOAcquisition_energy")
    assert (energy.numericValue, energy.type.units) == (113, "keV")
    history = await http.get(f"/records/{esrf_messages.pid_of(str(tmp_path))}/history")
    assert history.json()["history"][0]["sender"] == "pyicat-plus"


async def test_unsupported_messages_are_refused_and_shown_as_jobs(
    http: httpx.AsyncClient, proxy_port: int
) -> None:
    await asyncio.to_thread(send_refused_messages, proxy_port)
    jobs = await finished(http, 3)
    problems = {j["answer"]["problems"][0]["field"]: j["answer"]["problems"][0] for j in jobs}
    assert set(problems) == set(esrf_messages.REFUSED)
    for queue, problem in problems.items():
        assert esrf_messages.REFUSED[queue] in problem["reason"]
    for queue in ("icatDataFiles", "icatArchiveRestoreStatus"):
        assert problems[queue]["reason"].startswith("ICAT's dataset 12 ")
    assert "investigation 34 " in problems["rescheduleInvestigation"]["reason"]


def test_an_xml_bomb_or_broken_xml_is_refused_with_its_place() -> None:
    with pytest.raises(Invalid, match="not allowed"):
        esrf_messages.to_job("icatIngest", BOMB)
    with pytest.raises(Invalid, match="line 1"):
        esrf_messages.to_job("icatIngest", b"<dataset><name></dataset>")
    with pytest.raises(Invalid, match="location"):
        esrf_messages.to_job("icatIngest", b"<dataset><name>a</name></dataset>")


def test_changed_metadata_become_a_patch_of_the_datasets_at_these_locations() -> None:
    body = b'{"datasetPaths": ["/data/a/"], "metadataName": "TOMOAcquisition_energy",'
    job = esrf_messages.to_job("icatUpdateDatasetMetadata", body + b' "metadataValue": "80"}')
    assert job["kind"] == "patch"
    assert job["records"] == [
        {
            "pid": "icat:/data/a",
            "fields": {"parameters.TOMOAcquisition_energy": {"value": 80.0, "unit": "keV"}},
        }
    ]


def test_private_values_of_a_donor_do_not_reach_the_queue_of_jobs() -> None:
    body = b"""<tns:dataset xmlns:tns="http://www.esrf.fr/icat" complete="true">
    <tns:name>a</tns:name><tns:location>/data/a</tns:location>
    <tns:instrument>BM18</tns:instrument><tns:investigation>md1</tns:investigation>
    <tns:startDate>2024-01-01T00:00:00Z</tns:startDate><tns:sample><tns:name>s</tns:name></tns:sample>
    <tns:parameter><tns:name>date_of_death</tns:name><tns:value>2020-02-03</tns:value></tns:parameter>
    <tns:parameter><tns:name>TOMO_energy</tns:name><tns:value>80</tns:value></tns:parameter>
    </tns:dataset>"""
    assert "2020-02-03" in json.dumps(esrf_messages.to_job("icatIngest", body))
    job, dropped = bridge.public_job("icatIngest", body)
    assert dropped == ["datasets[0].parameters.date_of_death"]
    assert "TOMO_energy" in json.dumps(job)
    assert "2020-02-03" not in json.dumps(job)
