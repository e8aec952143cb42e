"""Files that the archive's answer leaves out: they wait, and nothing of them is left there."""

from collections.abc import Sequence

import pytest
from portal_downloader.archives.wlcg import WlcgArchive
from portal_downloader.archives.wlcg_answers import FileProgress, Locality
from portal_downloader.staging.poller import Poller

from tests.drivers.services.downloader_store import DownloaderStore

STARTED, STAGED = FileProgress("started"), FileProgress("staged")


class Answers(WlcgArchive):
    """An archive that gives these answers."""

    def __init__(
        self, store: DownloaderStore, answers: list[dict[str, FileProgress]], locality: Locality
    ) -> None:
        super().__init__(store.settings)
        self.answers = answers
        self.locality = locality

    async def progress(self, stage_id: str, paths: Sequence[str]) -> dict[str, FileProgress]:
        del stage_id, paths
        return self.answers.pop(0)

    async def localities(self, paths: Sequence[str]) -> dict[str, Locality]:
        localities: dict[str, Locality] = {}
        localities.update((path, self.locality) for path in paths)
        return localities


async def poll(
    store: DownloaderStore, *answers: dict[str, FileProgress], locality: Locality = "TAPE"
) -> None:
    """Submits the files a and b, and polls once for each answer."""
    batches = store.stores.batches
    batch = await batches.create()
    await store.add_files({"location": "a"}, {"location": "b"}, state="submitted", batch=batch)
    await batches.mark_submitted(batch, "stage-1", 0)
    poller = Poller(store.settings, store.stores, Answers(store, list(answers), locality))
    for _ in answers:
        await batches.postpone(batch, -1)
        await poller.step()


async def pins(store: DownloaderStore) -> list[tuple[str, str, bool]]:
    rows = store.database["pins"].find({})
    return sorted([(row["stage_id"], row["path"], row["comes"]) async for row in rows])


async def test_a_file_that_is_left_out_waits_while_the_request_is_open(
    store: DownloaderStore,
) -> None:
    await poll(store, *[{"/d/a": STARTED}] * 5)
    assert await store.state("b") == "submitted"
    row = await store.stores.files.find("p", "b")
    assert row is not None
    assert (row.attempt, row.reason) == (0, None)
    assert await pins(store) == []


async def test_it_is_given_up_and_cancelled_when_the_request_has_ended(
    store: DownloaderStore,
) -> None:
    await poll(store, {"/d/a": STARTED}, {"/d/a": STAGED})
    assert (await store.state("a"), await store.state("b")) == ("staged", "queued")
    assert await pins(store) == [("stage-1", "/d/b", True)]


@pytest.mark.parametrize(("locality", "state"), [("LOST", "lost"), ("DISK_AND_TAPE", "staged")])
async def test_what_is_known_of_it_is_not_waited_for(
    store: DownloaderStore, locality: Locality, state: str
) -> None:
    await poll(store, {"/d/a": STARTED}, locality=locality)
    assert await store.state("b") == state
