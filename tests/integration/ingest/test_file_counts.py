"""Counts of files in ICAT, with and without the triggers of its database."""

from pathlib import Path

import pytest
from portal_ingest.icat.adapter import Icat
from portal_ingest.icat.mapping import DatasetEntry, FileEntry, InvestigationEntry
from portal_ingest.settings import IngestSettings
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


@pytest.mark.parametrize("options", [(), ("--count-triggers",)])
async def test_files_are_counted_once(
    settings: Settings, tmp_path: Path, options: tuple[str, ...]
) -> None:
    server = icat_process(tmp_path, *options)
    server.start()
    own = IngestSettings(
        amqp_url=settings.amqp_url,
        mongo_url=settings.mongo_url,
        icat_url=server.url,
        intake_root=tmp_path,
    )
    adapter = Icat(own)
    ids: dict[str, int] = {}
    for name, count in (("few", 3), ("many", 600), ("few again", 4)):
        ids[name] = await adapter.register(
            entry(name, count), known_id=None, maybe_written=False, take_over=False
        )
    await adapter.register(
        entry("few", 5), known_id=ids["few"], maybe_written=True, take_over=False
    )
    with icat_client(server.url) as client:
        counts = {
            found.name: (found.fileCount, found.fileSize)
            for found in client.search("SELECT d FROM Dataset d")
        }
    assert counts == {"few": (5, 35), "many": (600, 4200), "few again": (4, 28)}
    adapter.close()
    server.stop()
