"""Files that stay online: copied at registration, verified, never evicted, without a recall."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from portal_shared.contracts.events import DatasetFilesListed, DatasetWithdrawn, Event
from portal_shared.contracts.file_roles import recognise
from portal_shared.contracts.records import File

from tests import volumes
from tests.drivers.services.downloader import DownloaderClient, StartDownloader
from tests.drivers.tape import TapeArchive


def with_roles(files: list[File]) -> list[File]:
    found = [(f, recognise(f.location)) for f in files]
    return [f.model_copy(update={"role": r.role, "level": r.level}) for f, r in found]


async def register(
    downloader: DownloaderClient, files: list[File], *, version: int = 1, pid: str = "p"
) -> None:
    """Publishes a dataset as ingest does, with roles and the profile."""
    events: list[Event] = [
        e.model_copy(update={"profile": "human-organs"}) if isinstance(e, DatasetFilesListed) else e
        for e in downloader.registration_events(pid, with_roles(files), version=version)
    ]
    await downloader.publish(*events)


def write(tape: TapeArchive) -> list[File]:
    """A volume of two levels, a picture, and raw data."""
    folder = tape.archive / tape.name / "d" / "v.ome.zarr"
    volumes.write_volume(folder, volumes.gradient((40, 48, 64), name=tape.name), name=tape.name)
    tape.write("d/raw.tif", 5000)
    tape.write("d/thumbnails/small.webp", 700)
    return tape.list_files("d")


async def wait_until_resident(downloader: DownloaderClient, files: int) -> None:
    """Waits until so many files stay online, and none is still to be copied."""
    async with asyncio.timeout(60):
        while (await downloader.status())["resident"] != {"files": files, "files_to_copy": 0}:
            await asyncio.sleep(0.05)


async def wait_for_detail(downloader: DownloaderClient, detail: str, pid: str = "p") -> None:
    events = downloader.events
    await downloader.wait_until(
        lambda: [b for _, b in events if b.get("pid") == downloader.pid(pid)
                 and b.get("detail") == detail]
    )  # fmt: skip


async def test_small_levels_and_pictures_are_online_at_once_and_nothing_is_recalled(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    downloader = await start_downloader(intake_root=str(tape.archive))
    files = write(tape)
    await register(downloader, files)
    await wait_until_resident(downloader, len(files) - 1)  # all but the raw data
    await wait_for_detail(downloader, "PARTLY_ONLINE")
    assert downloader.availability("p")[-1] == "ARCHIVED"
    picture = await downloader.get("p", "thumbnails/small.webp")
    assert picture.content == tape.content("d/thumbnails/small.webp")
    assert (await downloader.get("p", "slices/z/mid")).headers["slice-level"] == "0"
    assert (await downloader.get("p", "raw.tif")).status_code == 503
    assert tape.recalls == {}
    cache = (await downloader.status())["cache"]
    assert cache["resident_bytes"] == sum(f.size or 0 for f in files) - 5000
    assert (cache["bytes"], cache["pinned_bytes"]) == (0, 0)


async def test_resident_files_do_not_count_against_the_cache_and_are_not_evicted(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    downloader = await start_downloader(
        intake_root=str(tape.archive), cache_bytes="6000", keep_seconds="0", read_seconds="0"
    )
    tape.write("d/thumbnails/a.png", 9000)
    for n in range(4):
        tape.write(f"d/raw{n}.tif", 5000)
    await register(downloader, tape.list_files("d"))
    await wait_for_detail(downloader, "PARTLY_ONLINE")
    for n in range(4):
        end = await downloader.final_event(await downloader.request("p", f"raw{n}.tif"))
        assert "reason" not in end
    status = (await downloader.status())["cache"]
    assert status["evicted"] == 3
    assert (status["resident_bytes"], status["bytes"]) == (9000, 5000)
    assert (await downloader.get("p", "thumbnails/a.png")).status_code == 200


async def test_what_left_the_intake_folder_is_recalled_and_stays(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    downloader = await start_downloader(intake_root=str(tape.archive / "elsewhere"))
    await register(downloader, [tape.write("d/thumbnail.png", 900)], pid="q")
    files = [f.model_copy(update={"path": None}) for f in tape.list_files("d")]
    assert len(files) == 1
    await wait_for_detail(downloader, "ONLINE", "q")
    assert list(tape.recalls.values()) == [1]


async def test_other_content_in_the_intake_folder_is_not_served(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    intake = tape.folder / f"intake-{tape.name}"
    wrong = intake / tape.name / "d" / "thumbnail.png"
    wrong.parent.mkdir(parents=True)
    wrong.write_bytes(b"x" * 900)
    link = wrong.with_name("preview.png")
    link.symlink_to("/etc/passwd")
    downloader = await start_downloader(intake_root=str(intake))
    await register(
        downloader, [tape.write("d/thumbnail.png", 900), tape.write("d/preview.png", 800)]
    )
    await wait_for_detail(downloader, "ONLINE")
    for name in ("thumbnail.png", "preview.png"):
        assert (await downloader.get("p", name)).content == tape.content(f"d/{name}")
    assert set(tape.recalls) == {"d/thumbnail.png", "d/preview.png"}


@pytest.mark.parametrize("copied", [0, 1, 20])
async def test_after_a_kill_the_copies_are_completed(
    start_downloader: StartDownloader, tape: TapeArchive, copied: int
) -> None:
    downloader = await start_downloader(intake_root=str(tape.archive))
    files = write(tape)
    await register(downloader, files)
    await _until_copied(downloader, copied)
    downloader.process.kill()
    downloader.process.start()
    async with httpx.AsyncClient(base_url=downloader.process.url, timeout=30) as http:
        downloader.http = http
        await wait_until_resident(downloader, len(files) - 1)
        await wait_for_detail(downloader, "PARTLY_ONLINE")
        assert (await downloader.get("p", "slices/z/mid")).status_code == 200
    assert tape.recalls == {}


async def _until_copied(downloader: DownloaderClient, copied: int) -> None:
    """Waits until the list is stored and so many of its files are in the cache."""
    rows: list[dict[str, Any]] = []
    while not rows or len(list((downloader.process.cache / "objects").glob("*/*"))) < copied:
        rows = rows or await downloader.rows("files")
        await asyncio.sleep(0)


async def test_a_resident_file_that_was_deleted_on_the_disk_is_copied_again(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    downloader = await start_downloader(intake_root=str(tape.archive))
    [file] = [tape.write("d/thumbnail.png", 900)]
    await register(downloader, [file])
    await wait_for_detail(downloader, "ONLINE")
    assert file.sha256 is not None
    content = downloader.process.cache / "objects" / file.sha256[:2] / file.sha256
    content.unlink()
    downloader.process.kill()
    downloader.process.start()
    async with httpx.AsyncClient(base_url=downloader.process.url, timeout=30) as http:
        downloader.http = http
        await wait_until_resident(downloader, 1)
        assert (await downloader.get("p", "thumbnail.png")).status_code == 200
    assert content.read_bytes() == tape.content("d/thumbnail.png")
    assert tape.recalls == {}


async def test_copies_of_a_withdrawn_dataset_are_removed_unless_another_needs_them(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    downloader = await start_downloader(intake_root=str(tape.archive))
    own, both = tape.write("d/thumbnail.png", 900), tape.write("d/preview.png", 800)
    await register(downloader, [own, both])
    await register(downloader, [both], pid="q")
    await wait_until_resident(downloader, 3)
    objects = downloader.process.cache / "objects"
    await downloader.publish(withdrawal(downloader.pid("p")))
    async with asyncio.timeout(60):
        while {f.name for f in objects.glob("*/*")} != {both.sha256}:
            await asyncio.sleep(0.05)
    await wait_until_resident(downloader, 1)
    assert (await downloader.get("q", "preview.png")).status_code == 200
    await downloader.publish(withdrawal(downloader.pid("q")))
    async with asyncio.timeout(60):
        while list(objects.glob("*/*")) or (await downloader.status())["cache"]["resident_bytes"]:
            await asyncio.sleep(0.05)
    await register(downloader, [own], version=3)  # a list that arrives late
    await downloader.wait_idle()
    await wait_until_resident(downloader, 0)
    assert list(objects.glob("*/*")) == []


def withdrawal(pid: str) -> DatasetWithdrawn:
    return DatasetWithdrawn(
        pid=pid, version=2, reason="consent was withdrawn", withdrawn_at=datetime.now(UTC),
        title="P", history=(),
    )  # fmt: skip
