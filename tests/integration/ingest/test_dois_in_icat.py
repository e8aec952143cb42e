"""What ICAT holds of DOIs beside what ingest was told, and told once more: `portal doi audit`."""

import asyncio
from typing import Any

import icat
import pytest

from .conftest import Ingest
from .test_ingest_jobs import catalogue, dataset, job
from .test_publishing_in_icat import minted

__all__ = ["catalogue"]  # a fixture
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
DOI = "10.5072/a"


async def compared(ingest: Ingest) -> list[dict[str, Any]]:
    page: dict[str, Any] = (await ingest.http.get("/dois")).raise_for_status().json()
    assert page["next"] is None
    return [row for row in page["records"] if row["pid"] == "a"]


async def until_icat_holds(ingest: Ingest, doi: str | None) -> None:
    async with asyncio.timeout(60):
        while await compared(ingest) != [{"pid": "a", "doi": DOI, "icat": doi}]:
            await asyncio.sleep(0.2)


async def test_a_doi_that_icat_lost_is_found_and_mended(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    await ingest.do(job("j1", dataset("a")))
    await minted(ingest, "a", "dataset", DOI, 1)
    await until_icat_holds(ingest, DOI)

    def lose() -> None:
        (held,) = catalogue.search("SELECT o FROM Dataset o WHERE o.doi IS NOT NULL INCLUDE 1")
        held.doi = None
        held.update()

    await asyncio.to_thread(lose)
    await until_icat_holds(ingest, None)
    told = await ingest.http.post("/dois/mend", json={"pids": ["a"]})
    assert told.raise_for_status().json() == {"told": 1}
    await until_icat_holds(ingest, DOI)
