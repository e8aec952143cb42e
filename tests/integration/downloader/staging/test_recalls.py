"""From a request to verified files: recalled once for all requests, across restarts."""

import asyncio
from typing import Any

import httpx
import pytest
from portal_shared.contracts.records import File, pid_key

from tests.drivers.services.downloader import DownloaderClient
from tests.drivers.tape import TapeArchive

SITE = "http://portal.example"


def folder(tape: TapeArchive, count: int, name: str = "d", size: int = 3000) -> list[File]:
    return [tape.write(f"{name}/{n:03}.bin", size) for n in range(count)]


async def test_requested_files_are_recalled_verified_and_served(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("a/b", folder(tape, 3))
    assert downloader.availability("a/b") == ["ARCHIVED"]
    before = await downloader.get("a/b", "000.bin")
    assert before.status_code == 503
    assert before.json()["state"] == "ARCHIVED"
    request = await downloader.request("a/b")
    assert (await downloader.final_event(request))["files"] == 3
    answer = await downloader.get("a/b", "000.bin")
    assert (answer.status_code, answer.content) == (200, tape.content("d/000.bin"))
    await downloader.wait_until(lambda: "ONLINE" in downloader.availability("a/b"))
    progress = downloader.published("download.progressed.v1", request_id=request)
    assert [p["version"] for p in progress] == sorted({p["version"] for p in progress})
    assert (progress[-1]["state"], progress[-1]["bytes_online"]) == ("ONLINE", 9000)


async def test_twenty_requests_at_once_recall_each_file_once(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", folder(tape, 12))
    requests = await asyncio.gather(*(downloader.request("p") for _ in range(20)))
    for request in requests:
        assert (await downloader.final_event(request))["files"] == 12
    assert tape.recalls == {f"d/{n:03}.bin": 1 for n in range(12)}
    assert tape.stage_requests == 1


async def test_pins_are_released_after_the_copy(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", folder(tape, 4))
    await downloader.final_event(await downloader.request("p"))
    async with asyncio.timeout(30):
        while (await downloader.status())["pins_to_release"]:
            await asyncio.sleep(0.1)
    calls = tape.http.get("/_calls").json()["answers"]
    assert calls["POST /release/{id} 200"] >= 1


async def test_a_selection_is_all_that_is_recalled(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", folder(tape, 5))
    request = await downloader.request("p", "001.bin", "003.bin")
    assert (await downloader.final_event(request))["files"] == 2
    assert set(tape.recalls) == {"d/001.bin", "d/003.bin"}
    listing = (await downloader.get("p", "")).json()
    states = [f["state"] for f in listing["files"]]
    assert states == ["ARCHIVED", "ONLINE", "ARCHIVED", "ONLINE", "ARCHIVED"]


async def test_a_killed_downloader_goes_on_where_it_was(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", folder(tape, 40, size=200_000))
    request = await downloader.request("p")
    await downloader.wait_until(
        lambda: downloader.published(
            "download.progressed.v1", request_id=request, state="RESTORING"
        )
    )
    downloader.process.kill()
    downloader.process.start()
    assert (await downloader.final_event(request))["files"] == 40
    assert tape.recalls == {f"d/{n:03}.bin": 1 for n in range(40)}
    answer = await downloader.get("p", "039.bin")
    assert answer.content == tape.content("d/039.bin")


async def test_a_corrupt_file_is_never_served_and_its_reason_is_published(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", folder(tape, 3))
    tape.add_fault(effect="corrupt", path="d/001.bin", times=None)
    failed = await downloader.final_event(await downloader.request("p"))
    assert (failed["files"], failed["files_online"], failed["files_failed"]) == (3, 2, 1)
    assert "001.bin: checksum" in failed["reason"]
    assert (await downloader.get("p", "001.bin")).status_code == 503
    assert (await downloader.get("p", "002.bin")).status_code == 200
    remaining = downloader.process.cache / "quarantine"
    assert (
        len(list(remaining.glob(f"*-{pid_key(downloader.pid('p'))}-*"))) == 1
    )  # the last of the tries


@pytest.mark.parametrize("times", [1, 2])
async def test_a_recall_that_fails_is_tried_again(
    downloader: DownloaderClient, tape: TapeArchive, times: int
) -> None:
    await downloader.register("p", folder(tape, 2))
    tape.add_fault(effect="fail", path="d/000.bin", reason="drive 3 ate it", times=times)
    assert (await downloader.final_event(await downloader.request("p")))["files"] == 2


async def test_a_recall_that_fails_for_good_has_its_reason(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", folder(tape, 2))
    tape.add_fault(effect="fail", path="d/000.bin", reason="drive 3 ate it", times=None)
    failed = await downloader.final_event(await downloader.request("p"))
    assert "drive 3 ate it (after 3 attempts)" in failed["reason"]
    tape.http.delete("/_faults")
    assert (await downloader.final_event(await downloader.request("p")))["files"] == 2


async def test_a_lost_file_is_not_tried_again(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", folder(tape, 2))
    tape.add_fault(effect="lost", path="d/000.bin")
    failed = await downloader.final_event(await downloader.request("p"))
    assert "lost" in failed["reason"]
    await downloader.wait_until(lambda: "LOST" in downloader.availability("p"))
    assert tape.stage_requests == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": "drop", "kind": "POST /stage", "when": "before"},
        {"effect": "drop", "kind": "POST /stage", "when": "after"},
        {"effect": "status", "kind": "POST /stage", "status": 503, "when": "after"},
        {"effect": "status", "kind": "POST /stage", "status": 429, "retry_after": 1},
        {"effect": "status", "kind": "POST /stage", "status": 413, "times": 2},
        {"effect": "status", "kind": "POST /stage", "status": 401},
        {"effect": "html", "kind": "POST /stage", "status": 200},
        {"effect": "status", "kind": "GET /stage/{id}", "status": 404},
        {"effect": "drop", "kind": "GET /stage/{id}"},
        {"effect": "status", "kind": "GET /{path}", "status": 500, "times": 3},
        {"effect": "status", "kind": "POST /release/{id}", "status": 500},
        {"effect": "status", "kind": "GET discovery", "status": 502},
    ],
    ids=str,
)
async def test_temporary_errors_of_the_archive_lose_no_file(
    downloader: DownloaderClient, tape: TapeArchive, fault: dict[str, Any]
) -> None:
    await downloader.register("p", folder(tape, 6))
    tape.add_fault(**fault)
    assert (await downloader.final_event(await downloader.request("p")))["files"] == 6
    assert tape.recalls == {f"d/{n:03}.bin": 1 for n in range(6)}


async def test_a_refused_stage_request_does_not_block_other_files(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    files = folder(tape, 5)
    await downloader.register("p", [*files, files[0].model_copy(update={"name": "x\x07y"})])
    failed = await downloader.final_event(await downloader.request("p"))
    assert (failed["files_online"], failed["files_failed"]) == (5, 1)
    assert "control characters" in failed["reason"]


async def test_an_unknown_dataset_or_file_fails_with_the_reason(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", folder(tape, 1))
    await downloader.register("hidden", folder(tape, 1, "h"), public=False, folder="h")
    await downloader.register("none", [])
    requests_made = (("nobody",), ("p", "no.bin"), ("hidden",), ("none",))
    requests = [await downloader.request(*requested) for requested in requests_made]
    reasons = [(await downloader.final_event(request))["reason"] for request in requests]
    assert [r.split(" ", 2)[:2] for r in reasons] == [
        ["the", "dataset"], ["the", "dataset"], ["the", "dataset"], ["the", "dataset"],
    ]  # fmt: skip
    assert "'no.bin'" in reasons[1]
    assert "not public" in reasons[2]
    assert "no files" in reasons[3]


async def test_a_request_that_came_before_its_dataset_waits_for_it(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    files = folder(tape, 2)
    request = await downloader.request("late")
    await downloader.register("late", files)
    assert (await downloader.final_event(request))["files"] == 2


async def test_files_without_checksum_or_folder_are_unavailable(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    bare = File(name="x", size=3)
    await downloader.register("bare", [bare])
    await downloader.register("nowhere", folder(tape, 1), folder=None)
    await downloader.register("empty", [])
    for pid in ("bare", "nowhere", "empty"):
        assert downloader.availability(pid) == ["UNAVAILABLE"]
    assert (await downloader.get("bare", "x")).json()["state"] == "UNAVAILABLE"
    failed = await downloader.final_event(await downloader.request("bare"))
    assert "checksum" in failed["reason"]


async def test_a_newer_list_replaces_the_older_once_complete(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    old = folder(tape, 3)
    await downloader.register("p", old)
    await downloader.final_event(await downloader.request("p"))
    changed = tape.write("d/new.bin", 10)
    other = tape.write("d/000.bin", 4000)
    new = [other, old[1], changed]
    await downloader.register("p", new, version=2)
    await downloader.wait_until(lambda: downloader.availability("p")[-1] == "ARCHIVED")
    listing = (await downloader.get("p", "")).json()["files"]
    assert {f["name"]: f["state"] for f in listing} == {
        "000.bin": "ARCHIVED", "001.bin": "ONLINE", "new.bin": "ARCHIVED",
    }  # fmt: skip
    await downloader.register("p", old, version=1)
    assert (await downloader.get("p", "002.bin")).status_code == 404


async def test_an_empty_file_needs_no_tape(downloader: DownloaderClient, tape: TapeArchive) -> None:
    await downloader.register("p", [tape.write("d/empty", 0), tape.write("d/full", 5)])
    assert (await downloader.final_event(await downloader.request("p")))["files"] == 2
    answer = await downloader.get("p", "empty")
    assert (answer.status_code, answer.headers["content-length"]) == (200, "0")
    assert tape.recalls == {"d/full": 1}


async def test_a_list_in_many_parts_is_whole_or_not_there(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    files = [tape.write(f"d/{n:04}", 1) for n in range(700)]
    await downloader.register("p", files)
    names: list[str] = []
    page = (await downloader.get("p", params={"limit": 400})).json()
    names += [f["name"] for f in page["files"]]
    page = (await downloader.http.get(page["next"].removeprefix(SITE))).json()
    names += [f["name"] for f in page["files"]]
    assert page["next"] is None
    assert names == [f.location for f in files]
    assert (await downloader.status())["pending"] == 0


async def test_a_file_gone_from_the_cache_is_on_tape_again(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    files = folder(tape, 2)
    await downloader.register("p", files)
    await downloader.final_event(await downloader.request("p"))
    sha = files[0].sha256 or ""
    downloader.process.child.stop()
    (downloader.process.cache / "objects" / sha[:2] / sha).unlink()
    (downloader.process.cache / "incoming" / "left.part").write_bytes(b"half")
    downloader.process.start()
    assert (await downloader.get("p", "000.bin")).status_code == 503
    assert (await downloader.get("p", "001.bin")).status_code == 200
    assert list((downloader.process.cache / "incoming").iterdir()) == []
    assert (await downloader.final_event(await downloader.request("p")))["files"] == 2


async def test_an_archive_that_is_away_is_waited_for(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", folder(tape, 3))
    tape.kill()
    request = await downloader.request("p")
    async with asyncio.timeout(30):
        while "submitter" not in (await downloader.status())["trouble"]:
            await asyncio.sleep(0.1)
    assert (await downloader.http.get("/health")).status_code == httpx.codes.OK
    tape.start()
    assert (await downloader.final_event(request))["files"] == 3
