"""GET /data/{pid}/estimate: time before a request is made. Nothing is recalled by it."""

from portal_shared.contracts.records import File

from tests.drivers.services.downloader import DownloaderClient
from tests.drivers.tape import TapeArchive

PID = "e/1"


def written(tape: TapeArchive, *folders: str, each: int) -> list[File]:
    """Returns files on tape, so many in each folder of the dataset."""
    return [
        tape.write(f"d/{folder}/{n}.bin", 1000 + n).model_copy(update={"path": folder})
        for folder in folders
        for n in range(each)
    ]


async def test_the_time_is_known_before_files_are_requested(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    files = written(tape, "a", "b", each=3)
    await downloader.register(PID, files)
    before = await downloader.get(PID, "estimate")
    assert before.status_code == 200
    assert before.headers["cache-control"] == "public, max-age=5"
    assert before.headers["access-control-allow-origin"] == "*"
    found = before.json()
    assert (found["pid"], found["folder"]) == (downloader.pid(PID), "")
    assert (found["files"], found["files_on_tape"]) == (6, 6)
    assert found["bytes"] == found["bytes_on_tape"] == sum(file.size for file in files)
    assert found["seconds"] > 0
    assert found["basis"] in ("recent", "usual")
    assert found["place"] >= 1

    await downloader.final_event(await downloader.request(PID))
    after = (await downloader.get(PID, "estimate")).json()
    assert (after["files_on_tape"], after["place"]) == (0, None)
    assert (after["seconds"], after["basis"]) == (0, "online")


async def test_an_estimate_is_of_a_folder_that_the_dataset_has(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    files = written(tape, "a", "ab", each=2)
    await downloader.register(PID, files)
    found = await downloader.get(PID, "estimate", params={"folder": "a"})
    assert (found.json()["folder"], found.json()["files"]) == ("a/", 2)
    missing = await downloader.get(PID, "estimate", params={"folder": "none"})
    assert (missing.status_code, missing.json()["field"]) == (404, "folder")
    unknown = await downloader.get(PID, "estimate", params={"level": "1"})
    assert (unknown.status_code, unknown.json()["field"]) == (422, "level")
    assert (await downloader.get("e/none", "estimate")).status_code == 404
