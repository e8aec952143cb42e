"""The audit of DOIs in ICAT, which `portal doi audit` uses."""

import asyncio
from typing import Any

import icat
import pytest

from tests.builders import dataset_part, job
from tests.drivers.services.ingest import Ingest

from .test_publishing_in_icat import publish_minted

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
DOI = "10.5072/a"


async def audited(ingest: Ingest) -> list[dict[str, Any]]:
    page: dict[str, Any] = (await ingest.http.get("/dois")).raise_for_status().json()
    assert page["next"] is None
    return [row for row in page["records"] if row["pid"] == "a"]


async def wait_for_doi_in_icat(ingest: Ingest, doi: str | None) -> None:
    async with asyncio.timeout(60):
        while await audited(ingest) != [{"pid": "a", "doi": DOI, "icat": doi}]:
            await asyncio.sleep(0.2)


async def test_a_doi_missing_in_icat_is_found_and_written_again(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    await ingest.run(job(dataset_part("a"), job_id="j1"))
    await publish_minted(ingest.broker, "a", "dataset", DOI, 1)
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
