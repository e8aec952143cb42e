"""What depends on how a facility has set up its ICAT: counts of files, and dates."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest
from portal_ingest.icat.adapter import Icat
from portal_ingest.icat.mapping import DatasetEntry, FileEntry, InvestigationEntry, ParameterEntry
from portal_ingest.settings import IngestSettings
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.settings import Settings

from tests.builders import CREATED
from tests.drivers.services.ingest import icat_client, icat_process

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def entry(name: str, files: int) -> DatasetEntry:
    return DatasetEntry(
        facility="ESRF",
        investigation=InvestigationEntry("md1", "BM18", "md1", "MD"),
        type="acquisition",
        name=name,
        description=name,
        location=None,
        doi=None,
        start=CREATED,
        end=CREATED,
        file_count=files,
        file_size=7 * files,
        sample=None,
        instruments=(),
        techniques=(),
        parameters=(),
        files=tuple(FileEntry(f"{n}.tif", f"{n}.tif", 7, None) for n in range(files)),
    )


@contextmanager
def adapter_of(settings: Settings, folder: Path, *options: str) -> Generator[tuple[Icat, str]]:
    """Yields ingest's adapter to an ICAT with these options, and the address of the ICAT."""
    server = icat_process(folder, *options)
    server.start()
    own = IngestSettings(
        amqp_url=settings.amqp_url,
        mongo_url=settings.mongo_url,
        icat_url=server.url,
        intake_root=folder,
    )
    adapter = Icat(own)
    try:
        yield adapter, server.url
    finally:
        adapter.close()
        server.stop()


@pytest.mark.parametrize("options", [(), ("--count-triggers",)])
async def test_files_are_counted_once(
    settings: Settings, tmp_path: Path, options: tuple[str, ...]
) -> None:
    ids: dict[str, int] = {}
    with adapter_of(settings, tmp_path, *options) as (adapter, url):
        for name, count in (("few", 3), ("many", 600), ("few again", 4)):
            ids[name] = await adapter.register(
                entry(name, count), known_id=None, maybe_written=False, take_over=False
            )
        await adapter.register(
            entry("few", 5), known_id=ids["few"], maybe_written=True, take_over=False
        )
        counts = stored_counts(url)
    assert counts == {"few": (5, 35), "many": (600, 4200), "few again": (4, 28)}


def stored_counts(url: str) -> dict[str, tuple[int, int]]:
    """Returns number and bytes of the files of each dataset, as ICAT shows them."""
    with icat_client(url) as client:
        found = client.search("SELECT d FROM Dataset d")
        return {one.name: (one.fileCount, one.fileSize) for one in found}


@pytest.mark.parametrize("options", [(), ("--count-triggers",)])
async def test_files_of_datasets_that_come_together_are_counted(
    settings: Settings, tmp_path: Path, options: tuple[str, ...]
) -> None:
    names = [f"d{n}" for n in range(8)]
    slow = {"faults": [{"fault": "slow", "operation": "create", "seconds": 2}]}  # one of them
    with adapter_of(settings, tmp_path, *options) as (adapter, url):
        await adapter.register(  # what all datasets refer to exists then
            entry("first", 0), known_id=None, maybe_written=False, take_over=False
        )
        async with httpx.AsyncClient() as client:
            (await client.post(f"{url}/_faults", json=slow)).raise_for_status()
        await asyncio.gather(
            *(
                adapter.register(entry(n, 3), known_id=None, maybe_written=False, take_over=False)
                for n in names
            )
        )
        counts = stored_counts(url)
    assert counts == {"first": (0, 0), **dict.fromkeys(names, (3, 21))}


@pytest.mark.parametrize("options", [(), ("--count-triggers",)])
async def test_files_are_counted_after_icat_went_away_before_their_counts_were_stored(
    settings: Settings, tmp_path: Path, options: tuple[str, ...]
) -> None:
    lost = {"faults": [{"fault": "drop_before", "operation": "get"}]}
    with adapter_of(settings, tmp_path, *options) as (adapter, url):
        async with httpx.AsyncClient() as client:
            (await client.post(f"{url}/_faults", json=lost)).raise_for_status()
        with pytest.raises(Unavailable):
            await adapter.register(
                entry("a", 3), known_id=None, maybe_written=False, take_over=False
            )
        await adapter.register(entry("a", 3), known_id=None, maybe_written=True, take_over=False)
        counts = stored_counts(url)
    assert counts == {"a": (3, 21)}


@pytest.mark.parametrize("options", [(), ("--count-triggers",)])
async def test_a_stack_of_files_is_known_again_after_the_answer_to_its_create_was_lost(
    settings: Settings, tmp_path: Path, options: tuple[str, ...]
) -> None:
    stack = replace(entry("stack", 1), file_count=600, file_size=4200)  # one file in ICAT
    lost = {"faults": [{"fault": "drop_after", "operation": "create"}]}
    with adapter_of(settings, tmp_path, *options) as (adapter, url):
        await adapter.register(  # what all datasets refer to exists then
            entry("first", 0), known_id=None, maybe_written=False, take_over=False
        )
        async with httpx.AsyncClient() as client:
            (await client.post(f"{url}/_faults", json=lost)).raise_for_status()
        with pytest.raises(Unavailable):
            await adapter.register(stack, known_id=None, maybe_written=False, take_over=False)
        await adapter.register(stack, known_id=None, maybe_written=True, take_over=False)
        counts = stored_counts(url)
    assert counts["stack"] == ((1, 7) if options else (600, 4200))


TWICE = datetime(2024, 10, 27, 0, 30, tzinfo=UTC)  # 2:30 in Berlin, which comes again an hour later


@pytest.mark.parametrize(
    ("zone", "late"), [("UTC", 0), ("Europe/Berlin", 1), ("America/New_York", 0)]
)
async def test_dates_are_right_in_every_zone_but_in_the_hour_that_comes_twice(
    settings: Settings, tmp_path: Path, zone: str, late: int
) -> None:
    days = {
        "summer": datetime(2024, 7, 1, 22, 30, 15, tzinfo=UTC),
        "winter": datetime(2024, 1, 1, 0, 0, tzinfo=UTC),
        "twice": TWICE,
        "again": TWICE + timedelta(hours=1),
        "elsewhere": datetime(2024, 3, 9, 4, 15, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    }
    with adapter_of(settings, tmp_path, "--server-tz", zone) as (adapter, url):
        for name, day in days.items():
            written = replace(
                entry(name, 0),
                start=day,
                end=day + timedelta(days=1),
                parameters=(ParameterEntry("day", "", day),),
            )
            number = None
            for _ in range(2):  # created, then written again
                number = await adapter.register(
                    written, known_id=number, maybe_written=False, take_over=False
                )
        with icat_client(url) as client:
            found = client.search("SELECT d FROM Dataset d INCLUDE d.parameters")
    read = {d.name: (d.startDate, d.endDate, d.parameters[0].dateTimeValue) for d in found}
    expected = {name: (day, day + timedelta(days=1), day) for name, day in days.items()}
    second = TWICE + timedelta(hours=late)
    expected["twice"] = (second, TWICE + timedelta(days=1), second)
    assert read == expected
