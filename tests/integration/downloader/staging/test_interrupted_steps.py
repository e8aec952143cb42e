"""Interrupted or concurrent steps of single workers, on a real database and archive."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from portal_downloader.archives.protocol import Body
from portal_downloader.archives.wlcg import WlcgArchive
from portal_downloader.cache.eviction import CacheSpace
from portal_downloader.domain.estimates import Throughput
from portal_downloader.domain.file_rows import EPOCH
from portal_downloader.staging import poller
from portal_downloader.staging.cancellation import Canceller
from portal_downloader.staging.fetcher import Fetcher
from portal_downloader.staging.file_lists import FileListImporter
from portal_downloader.staging.pins import PinReleaser, PinRenewer
from portal_downloader.staging.poller import Poller
from portal_downloader.staging.progress import REPUBLISH_SECONDS
from portal_downloader.staging.queue import FILES_PER_PORTION
from portal_downloader.store.rows.file import FileRow
from portal_downloader.store.signals import Signal
from portal_shared.contracts.events import DatasetFilesListed, DownloadFailed
from portal_shared.contracts.records import File

from tests.drivers.services.downloader_store import DownloaderStore
from tests.drivers.tape import TapeArchive


class Interrupted(WlcgArchive):
    """An archive; another action runs while a file is read."""

    meanwhile: Callable[[], Awaitable[object]]

    @asynccontextmanager
    async def open_file(self, path: str, start: int) -> AsyncGenerator[Body]:
        async with super().open_file(path, start) as body:
            await self.meanwhile()
            yield body


async def test_a_pin_renewed_during_the_copy_is_released_with_the_old_one(
    store: DownloaderStore, tape: TapeArchive
) -> None:
    stores, archive = store.stores, Interrupted(store.settings)
    file, path = tape.write("d/x", 3000), f"/{tape.name}/d/x"
    old = await archive.stage([path])
    async with asyncio.timeout(60):
        while (await archive.localities([path]))[path] == "TAPE":
            await asyncio.sleep(0.05)
    await store.add_files(
        {"location": "x", "path": path, "size": file.size, "sha256": file.sha256},
        state="staged", stage_id=old, pinned_at=EPOCH,
    )  # fmt: skip
    archive.meanwhile = PinRenewer(store.settings, stores, archive).step
    space = CacheSpace(
        store.settings, contents=stores.contents, files=stores.files, cache=store.cache
    )
    fetching = Fetcher(
        store.settings,
        stores=stores,
        cache=store.cache,
        archive=archive,
        space=space,
        throughput=Throughput(),
    )
    assert await fetching.step()
    await archive.close()
    assert await store.state("x") == "online"
    release_ids = {pin["stage_id"] async for pin in store.database["pins"].find({})}
    assert old in release_ids
    assert len(release_ids) == 2


async def test_a_pin_renewed_during_a_cancellation_is_released_with_the_old_one(
    store: DownloaderStore, tape: TapeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores, archive = store.stores, WlcgArchive(store.settings)
    file, path = tape.write("d/x", 3000), f"/{tape.name}/d/x"
    old = await archive.stage([path])
    await store.add_files(
        {"location": "x", "path": path, "size": file.size, "sha256": file.sha256},
        state="staged", stage_id=old, pinned_at=EPOCH,
    )  # fmt: skip
    await store.add_request("x")
    await stores.requests.cancel("r")
    renewing, release_ids = PinRenewer(store.settings, stores, archive), stores.batches.unpin
    steps = iter([renewing.step])

    async def meanwhile(row: FileRow) -> bool:
        known = await release_ids(row)
        for step in steps:
            assert await step()
        return known

    monkeypatch.setattr(stores.batches, "unpin", meanwhile)
    assert await Canceller(stores).step()
    assert await store.state("x") == "archived"
    released = {pin["stage_id"] async for pin in store.database["pins"].find({})}
    assert len(released) == 2
    answers = await answers_once_released(store, archive, tape)
    assert answers["POST /release/{id} 200"] == answers["POST /stage 201"] == 2


async def test_the_recall_of_a_file_that_is_removed_or_expired_is_cancelled(
    store: DownloaderStore, tape: TapeArchive
) -> None:
    """Of a newer list, or expired: else it would be pinned when it has come."""
    stores, archive = store.stores, WlcgArchive(store.settings)
    for name in ("x", "y"):
        tape.write(f"d/{name}")
    paths = [f"/{tape.name}/d/{name}" for name in ("x", "y")]
    tape.add_fault(effect="stuck", times=None)
    stage_id = await archive.stage(paths)
    batch = await stores.batches.create()
    await stores.batches.mark_submitted(batch, str(stage_id), 3600)
    files = [{"location": path[-1], "path": path} for path in paths]
    await store.add_files(*files, state="submitted", batch=batch)
    await stores.files.rows.update_one({"location": "y"}, {"$set": {"deadline": EPOCH}})
    await Poller(store.settings, stores, archive).step()
    await FileListImporter(stores, store.cache, Signal()).import_events([listed(version=2)])
    released = {pin["path"] async for pin in store.database["pins"].find({})}
    assert released == set(paths)
    answers = await answers_once_released(store, archive, tape)
    assert answers["POST /stage/{id}/cancel 200"] == answers["POST /release/{id} 200"] == 1


async def test_an_interrupted_import_of_a_list_is_completed_by_the_repeated_event(
    store: DownloaderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the list is known and before what it lacks is gone: that is no file for ever."""
    adopting = FileListImporter(store.stores, store.cache, Signal())
    await adopting.import_events([listed("x", "y", version=1)])
    assert await locations(store) == {"x", "y"}
    with monkeypatch.context() as patch:
        patch.setattr(adopting, "_delete_older", killed)
        with pytest.raises(RuntimeError):
            await adopting.import_events([listed("x", version=2)])
    await adopting.import_events([listed("x", version=2)])
    assert await locations(store) == {"x"}


def listed(*names: str, version: int) -> DatasetFilesListed:
    files = tuple(File(name=name, size=1, sha256="0" * 64) for name in names)
    return DatasetFilesListed(
        pid="p", version=version, digest="", folder="/d", part=0, parts=1, files=files
    )


async def locations(store: DownloaderStore) -> set[str]:
    return {row["location"] async for row in store.stores.files.rows.find({"pid": "p"})}


async def killed(*_: object) -> None:
    raise RuntimeError("killed")


async def answers_once_released(
    store: DownloaderStore, archive: WlcgArchive, tape: TapeArchive
) -> dict[str, int]:
    """Returns the archive's answers by call, after all pins are released."""
    releasing = PinReleaser(store.stores.batches, archive)
    while await releasing.step():
        pass
    await archive.close()
    return tape.http.get("/_calls").json()["answers"]


class Slow(WlcgArchive):
    """An archive whose answer to a stage request is delayed by another action."""

    meanwhile: Callable[[], Awaitable[object]]

    async def stage(self, paths: Sequence[str]) -> str:
        made = await super().stage(paths)
        await self.meanwhile()
        return made


async def a_queued_file(store: DownloaderStore, tape: TapeArchive) -> None:
    """Adds a queued file of a request that is cancelled but not handled yet."""
    file, path = tape.write("d/x", 3000), f"/{tape.name}/d/x"
    found = {"location": "x", "path": path, "size": file.size, "sha256": file.sha256}
    await store.add_files(found, state="queued")
    await store.add_request("x")
    await store.stores.requests.cancel("r")


async def cancelled_and_released(
    store: DownloaderStore, tape: TapeArchive, archive: WlcgArchive
) -> tuple[int, int]:
    """Returns how often the archive cancelled and released files, after all workers are idle."""
    assert await store.state("x") == "archived"
    polling, releasing = (
        Poller(store.settings, store.stores, archive),
        PinReleaser(store.stores.batches, archive),
    )
    while await polling.step() or await releasing.step():
        pass
    answers: dict[str, int] = tape.http.get("/_calls").json()["answers"]
    assert answers["POST /stage 201"] == 1
    cancels, releases = "POST /stage/{id}/cancel 200", "POST /release/{id} 200"
    return answers.get(cancels, 0), answers.get(releases, 0)


async def test_a_file_cancelled_during_submission_is_cancelled_at_the_archive(
    store: DownloaderStore, tape: TapeArchive
) -> None:
    await a_queued_file(store, tape)
    archive = Slow(store.settings)
    archive.meanwhile = Canceller(store.stores).step
    submitting = store.submitter(archive)
    while await submitting.step():
        pass
    assert await cancelled_and_released(store, tape, archive) == (1, 1)
    await archive.close()


async def test_a_file_submitted_during_its_cancellation_is_cancelled_at_the_archive(
    store: DownloaderStore, tape: TapeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_queued_file(store, tape)
    archive = WlcgArchive(store.settings)
    submitting, release_ids = store.submitter(archive), store.stores.batches.unpin

    async def meanwhile(row: FileRow) -> bool:
        known = await release_ids(row)
        while await submitting.step():
            pass
        return known

    monkeypatch.setattr(store.stores.batches, "unpin", meanwhile)
    assert await Canceller(store.stores).step()
    assert await cancelled_and_released(store, tape, archive) == (1, 1)
    await archive.close()


async def test_a_file_cancelled_just_before_acceptance_is_cancelled_at_the_archive(
    store: DownloaderStore, tape: TapeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_queued_file(store, tape)
    archive, batches = WlcgArchive(store.settings), store.stores.batches
    stage_id, batch = await archive.stage([f"/{tape.name}/d/x"]), await batches.create()
    await store.stores.files.move({}, ("queued",), "submitted", batch=batch)
    release_ids = batches.unpin

    async def meanwhile(row: FileRow) -> bool:
        known = await release_ids(row)
        await batches.mark_submitted(batch, str(stage_id), 0.01)
        return known

    monkeypatch.setattr(batches, "unpin", meanwhile)
    assert await Canceller(store.stores).step()
    assert await cancelled_and_released(store, tape, archive) == (1, 1)
    await archive.close()


async def test_no_more_is_queued_of_a_dataset_that_was_withdrawn_meanwhile(
    store: DownloaderStore,
) -> None:
    names = await store.add_dataset(
        *({"location": f"{n:04}"} for n in range(FILES_PER_PORTION + 1))
    )
    await store.add_request(*names)
    planning = store.planner()
    assert await planning.step()
    assert (await store.request_row())["next"] == names[-2]
    await store.stores.datasets.store_withdrawn("p", 2, "consent was withdrawn", was_public=True)
    assert await planning.step()
    request = await store.request_row()
    assert (request["open"], request["state"], request["let_go"]) == (False, "FAILED", False)
    assert "consent was withdrawn" in request["reason"]
    assert await store.state(names[-1]) == "archived"


async def test_a_request_whose_last_portion_moves_nothing_ends_with_the_next_word(
    store: DownloaderStore,
) -> None:
    *names, last = await store.add_dataset(
        *({"location": f"{n:04}"} for n in range(FILES_PER_PORTION + 1))
    )
    rows, planning, teller = store.stores.files.rows, store.planner(), store.publisher()
    await rows.update_many({"location": {"$in": names}}, {"$set": {"state": "online"}})
    broken = {"state": "unverifiable", "reason": "it has no checksum"}
    await rows.update_one({"location": last}, {"$set": broken})
    await store.add_request(*names, last)
    assert await planning.step()
    assert await teller.step()
    assert (await store.request_row())["open"]
    assert await planning.step()
    assert await teller.step()
    request = await store.request_row()
    assert (request["open"], request["state"]) == (False, "FAILED")
    assert "it has no checksum" in request["reason"]


async def test_an_evicted_file_of_an_open_request_is_queued_again(
    store: DownloaderStore,
) -> None:
    await store.add_dataset({"location": "x"})
    await store.add_request()
    planning, teller = store.planner(), store.publisher()
    assert await planning.step()
    assert await teller.step()
    await store.stores.files.rows.update_one({"location": "x"}, {"$set": {"state": "archived"}})
    long_ago = datetime.now(UTC) - timedelta(seconds=2 * REPUBLISH_SECONDS)
    await store.database["requests"].update_one({"_id": "r"}, {"$set": {"told_at": long_ago}})
    assert await teller.step()
    assert await planning.step()
    assert await store.state("x") == "queued"


async def test_all_that_is_overdue_expires_without_pauses_between(
    store: DownloaderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "EXPIRED_PER_STEP", 2)
    names = await store.add_dataset(*({"location": f"{n}"} for n in range(5)))
    where = {"state": "queued", "deadline": EPOCH, "reason": None}
    await store.stores.files.rows.update_many({}, {"$set": where})
    archive = WlcgArchive(store.settings)
    polling = Poller(store.settings, store.stores, archive)
    while await polling.step():
        pass
    await archive.close()
    assert [await store.state(name) for name in names] == ["expired"] * 5


async def test_only_late_files_count_as_expired_when_a_request_exceeds_its_deadline(
    store: DownloaderStore,
) -> None:
    names = await store.add_dataset(
        *({"location": f"{n:04}"} for n in range(FILES_PER_PORTION + 1))
    )
    await store.add_request(*names)
    planning, files = store.planner(), store.stores.files
    assert await planning.step()
    ended = ["lost", "failed", "expired", "unverifiable", "online"]
    for name, state in zip(names, ended, strict=False):
        await files.rows.update_one({"location": name}, {"$set": {"state": state}})
    await store.database["requests"].update_one({"_id": "r"}, {"$set": {"requested_at": EPOCH}})
    assert await planning.step()
    [published_body] = [row["body"] async for row in store.database["outbox"].find({})]
    failed = DownloadFailed.model_validate_json(published_body)
    assert (failed.files, failed.files_online) == (len(names), 1)
    assert failed.files_failed - failed.files_expired == 3  # lost, failed, unverifiable before


async def test_an_expired_file_is_archived_and_queued_by_a_new_request(
    store: DownloaderStore,
) -> None:
    await store.add_dataset({"location": "x"})
    where = {"state": "queued", "deadline": EPOCH, "reason": None}
    await store.stores.files.rows.update_one({"location": "x"}, {"$set": where})
    archive = WlcgArchive(store.settings)
    await Poller(store.settings, store.stores, archive).step()
    await archive.close()
    assert await store.state("x") == "expired"
    await store.add_request("x")
    assert await store.planner().step()
    assert await store.state("x") == "queued"
