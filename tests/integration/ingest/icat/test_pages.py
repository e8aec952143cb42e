"""Results of any number: ICAT refuses more than `maxEntities` objects, so they come in pages."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from portal_ingest.icat.adapter import Icat
from portal_ingest.icat.mapping import (
    DatasetEntry,
    FileEntry,
    InvestigationEntry,
    PublicationEntry,
    UserEntry,
)
from portal_ingest.settings import IngestSettings
from portal_shared.contracts.records import RelatedItem
from portal_shared.runtime.errors import Invalid

from tests.builders import CREATED
from tests.drivers.icat import IcatSimulator, running

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
MAX_ENTITIES = 4
DATASET = DatasetEntry(
    facility="ESRF",
    investigation=InvestigationEntry("md1", "BM18", "md1", "MD"),
    type="acquisition",
    name="a",
    description="a",
    location=None,
    doi=None,
    start=CREATED,
    end=CREATED,
    file_count=9,
    file_size=63,
    sample=None,
    instruments=(),
    techniques=(),
    parameters=(),
    files=tuple(FileEntry(f"{n}.tif", f"{n}.tif", 7, None) for n in range(9)),
)


def publication(doi: str, parts: int) -> PublicationEntry:
    related = [RelatedItem(relation="HasPart", identifier=f"10.5072/p{n}") for n in range(parts)]
    users = [UserEntry(f"u{n}", f"Person {n}", None, None, "Creator", f"{n}") for n in range(parts)]
    return PublicationEntry("ESRF", doi, doi, doi, doi, tuple(users), related=tuple(related))


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[IcatSimulator]:
    with running(tmp_path, "--max-entities", str(MAX_ENTITIES)) as simulator:
        yield simulator


@pytest.fixture
def adapter(simulator: IcatSimulator) -> Iterator[Icat]:
    icat = Icat(IngestSettings(icat_url=simulator.url))
    yield icat
    icat.close()


async def register(adapter: Icat, entry: DatasetEntry, known_id: int | None = None) -> int:
    return await adapter.register(entry, known_id=known_id, maybe_written=False, take_over=False)


async def test_publications_with_more_parts_than_icat_returns_are_read_and_changed(
    adapter: Icat,
) -> None:
    names = [f"d{n}" for n in range(9)]
    datasets = [await register(adapter, replace(DATASET, name=n, files=None)) for n in names]
    dois = [f"10.5072/{n}" for n in range(6)]
    for doi in dois:
        await adapter.publish(publication(doi, 7), datasets[:7])
    found = await adapter.published(dois)
    assert found.keys() == set(dois)
    assert {len(one.relations) for one in found.values()} == {7}
    assert all(one.datasets == set(datasets[:7]) for one in found.values())
    await adapter.publish(publication(dois[0], 9), datasets[2:])
    changed = (await adapter.published(dois))[dois[0]]
    assert (len(changed.relations), changed.datasets) == (9, set(datasets))
    assert (await adapter.stored_datasets(datasets)).keys() == set(datasets)


async def test_files_of_a_dataset_that_icat_does_not_return_at_once_are_counted_and_replaced(
    adapter: Icat,
) -> None:
    dataset = await register(adapter, DATASET)
    assert await adapter.counted_files(dataset) == (9, 63)
    fewer = (DATASET.files or ())[:6]
    await register(adapter, replace(DATASET, files=fewer), dataset)
    assert await adapter.counted_files(dataset) == (6, 42)


async def test_a_refused_query_that_no_smaller_page_mends_is_refused(
    adapter: Icat, simulator: IcatSimulator
) -> None:
    simulator.fail_next("error", type="VALIDATION", operation="search", count=20)
    with pytest.raises(Invalid):
        await adapter.published(["10.5072/d"])
