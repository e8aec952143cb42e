"""DOIs in ICAT: the audit, and DOIs that ICAT refuses: reported, with an end, and written again."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import icat
import pytest
from portal_ingest.dois.writeback import Batch
from portal_ingest.icat.adapter import Icat
from portal_ingest.store.dois import LEASE

from tests.builders import dataset_part, document_part, job
from tests.drivers.services.ingest import Ingest

from .test_publishing_in_icat import publish_minted

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
DOI = "10.5072/a"
REASON = "Subject: name cannot have length > 255"
ATTEMPTS = 2  # one, and one after each of the pauses of the driver
DOCUMENT = "D1_kidney"


async def row_of(ingest: Ingest, pid: str) -> dict[str, Any]:
    page: dict[str, Any] = (await ingest.http.get("/dois")).raise_for_status().json()
    assert page["next"] is None
    return next(row for row in page["records"] if row["pid"] == pid)


async def wait_for_doi_in_icat(ingest: Ingest, doi: str | None) -> None:
    async with asyncio.timeout(60):
        while await row_of(ingest, "a") != {"pid": "a", "doi": DOI, "icat": doi}:
            await asyncio.sleep(0.2)


async def test_a_doi_missing_in_icat_is_found_and_written_again(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    await ingest.run(job(dataset_part("a"), job_id="j1"))
    await publish_minted(ingest, "a", "dataset", DOI, 1)
    await wait_for_doi_in_icat(ingest, DOI)

    def lose() -> None:
        (dataset,) = catalogue.search("SELECT o FROM Dataset o WHERE o.doi IS NOT NULL INCLUDE 1")
        dataset.doi = None
        dataset.update()

    await asyncio.to_thread(lose)
    await wait_for_doi_in_icat(ingest, None)
    written = await ingest.http.post("/dois/mend", json={"pids": ["a"]})
    assert written.raise_for_status().json() == {"told": 1}
    await wait_for_doi_in_icat(ingest, DOI)


def set_counts(catalogue: icat.Client, count: int, size: int) -> None:
    (dataset,) = catalogue.search("SELECT o FROM Dataset o INCLUDE 1")
    dataset.fileCount, dataset.fileSize = count, size
    dataset.update()


async def test_wrong_counts_of_files_in_icat_are_found_and_corrected(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    files = [ingest.file("a", name, b"1234567") for name in ("1.tif", "2.tif")]
    await ingest.run(job(dataset_part("a", folder="a", files=files), job_id="j1"))
    assert "icat_files" not in await row_of(ingest, "a")
    for wrong in ((0, 0), (4, 28)):
        set_counts(catalogue, *wrong)
        row = await row_of(ingest, "a")
        assert (row["files"], row["icat_files"]) == ([2, 14], list(wrong))
        assert (await ingest.http.post("/dois/mend", json={"pids": ["a"]})).json() == {"told": 1}
        assert "icat_files" not in await row_of(ingest, "a")
    found = catalogue.search("SELECT o FROM Dataset o")
    assert [(one.fileCount, one.fileSize) for one in found] == [(2, 14)]


async def test_counts_of_the_files_that_icat_itself_has_are_right(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    files = [ingest.file("a", f"{n:03}.tif", b"1234567") for n in range(501)]
    await ingest.run(job(dataset_part("a", folder="a", files=files), job_id="j1"))
    set_counts(catalogue, 1, 501 * 7)  # one file in ICAT stands for the stack, as triggers count
    assert "icat_files" not in await row_of(ingest, "a")


async def fail_next(icat_url: str, **fault: Any) -> None:
    async with httpx.AsyncClient() as client:
        order = {"faults": [{"fault": "error", "message": REASON, **fault}]}
        (await client.post(f"{icat_url}/_faults", json=order)).raise_for_status()


async def status_with(ingest: Ingest, **figures: int) -> dict[str, Any]:
    """Returns the status as soon as it has these figures."""
    async with asyncio.timeout(60):
        while True:
            status: dict[str, Any] = (await ingest.http.get("/status")).raise_for_status().json()
            if figures.items() <= status.items():
                return status
            await asyncio.sleep(0.05)


async def test_dois_that_wait_are_written_side_by_side(
    ingest: Ingest, icat_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ingest.run(job(dataset_part("a"), dataset_part("b"), job_id="j1"))
    await fail_next(icat_url, fault="http", count=1000)
    for pid in "ab":
        await publish_minted(ingest, pid, "dataset", f"10.5072/{pid}", 1)
    await status_with(ingest, icat_due=2)
    both, write = asyncio.Barrier(2), Icat.set_dataset_doi

    async def write_together(icat: Icat, dataset_id: int, doi: str) -> None:
        await both.wait()
        await write(icat, dataset_id, doi)

    monkeypatch.setattr(Icat, "set_dataset_doi", write_together)
    async with httpx.AsyncClient() as client:
        (await client.post(f"{icat_url}/_faults", json={"clear": True})).raise_for_status()
    await status_with(ingest, icat_due=0)


def test_no_record_is_begun_in_the_second_half_of_the_lease() -> None:
    now = datetime.now(UTC)
    assert Batch(now + LEASE, iter(())).is_open
    assert not Batch(now + LEASE / 2, iter(())).is_open


async def refused_document(ingest: Ingest, icat_url: str) -> None:
    """Registers a document whose publication ICAT refuses until nobody tries any more."""
    await ingest.run(job(dataset_part("a"), job_id="j1"))
    await publish_minted(ingest, "a", "dataset", "10.5072/a", 1)
    await status_with(ingest, icat_due=0)
    await fail_next(icat_url, operation="create", type="VALIDATION", count=ATTEMPTS)
    await publish_minted(ingest, DOCUMENT, "document", "10.5072/d", 1)
    await status_with(ingest, icat_due=0, icat_refused=1)


async def test_a_refused_publication_has_an_end_and_a_reason(
    ingest: Ingest, icat_url: str, catalogue: icat.Client
) -> None:
    await refused_document(ingest, icat_url)
    status = await status_with(ingest, pending=0)
    assert REASON in status["refusals"][DOCUMENT]
    assert status["trouble"] == {}
    shown = (await ingest.http.get("/jobs/j1")).json()["answer"]["outcomes"]
    assert REASON in next(o for o in shown if o["pid"] == DOCUMENT)["icat_problem"]
    row = await row_of(ingest, DOCUMENT)
    assert row["icat"] is None
    assert REASON in row["icat_problem"]
    assert catalogue.search("SELECT o FROM DataPublication o") == []


async def test_a_refused_publication_is_written_again_by_an_operator(
    ingest: Ingest, icat_url: str, catalogue: icat.Client
) -> None:
    await refused_document(ingest, icat_url)
    await fail_next(icat_url, operation="create", type="VALIDATION")
    refused = await ingest.http.post("/dois/mend", json={"pids": [DOCUMENT]})
    assert refused.raise_for_status().json() == {"told": 0}
    written = await ingest.http.post("/dois/mend", json={"pids": [DOCUMENT]})
    assert written.raise_for_status().json() == {"told": 1}
    assert "icat_problem" not in await row_of(ingest, DOCUMENT)
    assert (await status_with(ingest, icat_refused=0))["refusals"] == {}
    assert len(catalogue.search("SELECT o FROM DataPublication o")) == 1


async def test_a_refused_publication_is_written_again_with_the_next_version(
    ingest: Ingest, icat_url: str, catalogue: icat.Client
) -> None:
    await refused_document(ingest, icat_url)
    await ingest.run(job(dataset_part("a"), job_id="j2", document=document_part(title="Corrected")))
    await status_with(ingest, icat_due=0, icat_refused=0)
    assert catalogue.search("SELECT o.title FROM DataPublication o") == ["Corrected"]


async def test_an_outage_is_no_refusal(
    ingest: Ingest, icat_url: str, catalogue: icat.Client
) -> None:
    await ingest.run(job(dataset_part("a"), job_id="j1"))
    await publish_minted(ingest, "a", "dataset", "10.5072/a", 1)
    await status_with(ingest, icat_due=0)
    await fail_next(icat_url, operation="create", type="INTERNAL", count=ATTEMPTS)
    await publish_minted(ingest, DOCUMENT, "document", "10.5072/d", 1)
    async with asyncio.timeout(90):
        while not catalogue.search("SELECT o.pid FROM DataPublication o"):
            assert (await status_with(ingest))["icat_refused"] == 0
            await asyncio.sleep(0.2)


async def test_a_waiting_job_shows_what_it_waits_for(ingest: Ingest, icat_url: str) -> None:
    await fail_next(icat_url, fault="http")
    await ingest.broker.send(job(dataset_part("a"), job_id="j1"))
    async with asyncio.timeout(60):
        while True:
            shown = (await ingest.http.get("/jobs/j1")).json()
            if "503" in shown.get("waiting_for", ""):
                break
            await asyncio.sleep(0.02)
    assert (await ingest.broker.answer()).result == "done"
    assert "waiting_for" not in (await ingest.http.get("/jobs/j1")).json()
