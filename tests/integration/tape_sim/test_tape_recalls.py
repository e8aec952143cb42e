"""Drives, tapes and the buffer: once for all, in order, within its size, over restarts."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

Start = Callable[..., Any]
Until = Callable[[Callable[[], bool]], None]


def test_a_file_is_recalled_once_for_all_requests(tape: Any, folder: str) -> None:
    tape.write(f"{folder}/a")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: tape.stage(f"{folder}/a"), range(40)))
    assert len(set(made)) == 40
    for request in made:
        assert tape.settled(request)[f"{folder}/a"]["state"] == "COMPLETED"
    counts = tape.counts()
    assert counts["recalls"] == {f"{folder}/a": 1}
    assert counts["stage_requests"] == 40
    assert counts["mounts"] == 1


def test_the_files_of_a_folder_lie_together_in_order(tape: Any, folder: str) -> None:
    names = [f"{folder}/s/{n:03}" for n in range(20)]
    for name in names:
        tape.write(name, 10)
    places = [tape.http.get("/_tape", params={"path": name}).json() for name in names]
    assert len({place["tape"] for place in places}) <= 2
    positions = [place["position"] for place in places]
    steps = {(b - a) % 400 for a, b in pairwise(positions)}
    assert steps == {1}
    assert re.fullmatch(r"VT\d{4}", places[0]["tape"])


def test_a_tape_position_never_changes(tape: Any, folder: str) -> None:
    tape.write(f"{folder}/b", 10)
    before = tape.http.get("/_tape", params={"path": f"{folder}/b"}).json()
    tape.write(f"{folder}/a", 10)
    later = tape.http.get("/_tape", params={"path": f"{folder}/a"}).json()
    again = tape.http.get("/_tape", params={"path": f"{folder}/b"}).json()
    assert (again["tape"], again["position"]) == (before["tape"], before["position"])
    assert later["position"] == (before["position"] + 1) % 400
    assert tape.http.get("/_tape", params={"path": f"{folder}/no"}).status_code == 404
    assert tape.http.get("/_tape", params={"path": "/../x"}).status_code == 400


def test_a_folder_larger_than_a_tape_goes_on_with_the_next(start: Start) -> None:
    tape = start("--files-per-tape", "10", "--tapes", "5")
    for n in range(25):
        tape.write(f"/d/e/{n:02}", 10)
    made = tape.stage(*(f"/d/e/{n:02}" for n in range(25)))
    assert {f["state"] for f in tape.settled(made).values()} == {"COMPLETED"}
    tapes = [m["tape"] for m in tape.http.get("/_tape").json()["mounts"]]
    assert 3 <= len(tapes) == len(set(tapes)) <= 4


def test_a_mounted_tape_serves_all_that_wait_in_the_order_of_their_places(
    start: Start, folder: str
) -> None:
    tape = start("--drives", "1", "--mount", "1500", "--seek", "0", "--speed-factor", "500")
    for letter in "abcdefgh":
        tape.write(f"{folder}/{letter}")
    place = tape.http.get("/_tape", params={"path": f"{folder}/a"}).json()["position"]
    made = [tape.stage(f"{folder}/{letter}") for letter in "hcfbagde"]
    for request in made:
        tape.settled(request)
    restored = sorted(
        (tape.buffer / folder.lstrip("/")).iterdir(), key=lambda file: file.stat().st_mtime_ns
    )
    wrapped = 400 - place
    expected = "abcdefgh"[wrapped:] + "abcdefgh"[:wrapped] if wrapped < 8 else "abcdefgh"
    assert "".join(file.name for file in restored) == expected
    assert tape.counts()["mounts"] == (2 if wrapped < 8 else 1)


def test_several_drives_mount_several_tapes(start: Start) -> None:
    tape = start("--drives", "3", "--mount", "100")
    paths = [f"/family-{n}/x/file" for n in range(12)]
    for path in paths:
        tape.write(path)
    tape.settled(tape.stage(*paths))
    mounts = tape.http.get("/_tape").json()["mounts"]
    assert {mount["drive"] for mount in mounts} == {0, 1, 2}
    assert len({mount["tape"] for mount in mounts}) == len(mounts)


def test_the_buffer_evicts_unpinned_files(start: Start) -> None:
    tape = start("--buffer-bytes", "10000")
    for name in "abc":
        tape.write(f"/f/{name}", 4000)
    first = tape.stage("/f/a")
    tape.settled(first)
    tape.settled(tape.stage("/f/b"))
    assert tape.send_paths("release", first, ["/f/a"]).status_code == 200
    assert tape.locality("/f/a", "/f/b") == ["DISK_AND_TAPE"] * 2
    tape.settled(tape.stage("/f/c"))
    assert tape.locality("/f/a", "/f/b", "/f/c") == ["TAPE", "DISK_AND_TAPE", "DISK_AND_TAPE"]
    assert tape.http.get("/f/a").status_code == 409


def test_a_recall_waits_for_room_until_a_pin_goes(start: Start, until: Until) -> None:
    tape = start("--buffer-bytes", "5000")
    tape.write("/f/a", 4000)
    tape.write("/f/b", 4000)
    first = tape.stage("/f/a")
    tape.settled(first)
    second = tape.stage("/f/b")
    until(lambda: tape.states(second) == {"/f/b": "STARTED"})
    assert tape.locality("/f/a", "/f/b") == ["DISK_AND_TAPE", "TAPE"]
    tape.send_paths("release", first, ["/f/a"])
    assert tape.settled(second)["/f/b"]["state"] == "COMPLETED"


def test_a_pin_ends_with_its_lifetime(start: Start) -> None:
    tape = start("--buffer-bytes", "5000")
    tape.write("/f/a", 4000)
    tape.write("/f/b", 4000)
    tape.settled(tape.stage("/f/a", diskLifetime="PT0.2S"))
    assert tape.settled(tape.stage("/f/b"))["/f/b"]["state"] == "COMPLETED"
    assert tape.locality("/f/a", "/f/b") == ["TAPE", "DISK_AND_TAPE"]


def test_a_file_larger_than_the_buffer_fails(start: Start) -> None:
    tape = start("--buffer-bytes", "100")
    tape.write("/f/a", 4000)
    assert "larger" in tape.settled(tape.stage("/f/a"))["/f/a"]["error"]


def test_a_killed_archive_goes_on_where_it_was(start: Start) -> None:
    first = start("--drives", "1", "--mount", "40", "--seek", "2000")
    paths = [f"/f/x/{n:02}" for n in range(30)]
    contents = {path: first.write(path) for path in paths}
    made = first.stage(*paths[::3])
    also = first.stage(*paths[:4])
    first.stop(kill=True)
    (first.buffer / ".incoming").mkdir(parents=True, exist_ok=True)
    (first.buffer / ".incoming" / "half").write_bytes(b"half a file")
    second = start()
    assert {f["state"] for f in second.settled(made).values()} == {"COMPLETED"}
    assert {f["state"] for f in second.settled(also).values()} == {"COMPLETED"}
    wanted = {*paths[::3], *paths[:4]}
    assert second.counts()["recalls"] == dict.fromkeys(wanted, 1)
    for path in wanted:
        assert second.http.get(path).content == contents[path]
    assert list((second.buffer / ".incoming").iterdir()) == []


@pytest.mark.parametrize("moment", [0.0, 0.15, 0.3, 0.5])
def test_whenever_it_is_killed_no_recall_is_lost(start: Start, moment: float, until: Until) -> None:
    first = start("--drives", "2", "--mount", "10", "--seek", "40")
    paths = [f"/f{n % 3}/x/{n:02}" for n in range(24)]
    for path in paths:
        first.write(path)
    made = first.stage(*paths)
    until(lambda: sum(s == "COMPLETED" for s in first.states(made).values()) >= moment * 24)
    first.stop(kill=True)
    second = start()
    assert {f["state"] for f in second.settled(made).values()} == {"COMPLETED"}
    assert second.counts()["recalls"] == dict.fromkeys(paths, 1)


def test_files_that_vanished_from_the_buffer_are_on_tape_again(start: Start) -> None:
    tape = start()
    tape.write("/f/a")
    tape.settled(tape.stage("/f/a"))
    (tape.buffer / "f/a").unlink()
    assert tape.locality("/f/a") == ["TAPE"]
    assert tape.http.get("/f/a").status_code == 409
    tape.settled(tape.stage("/f/a"))
    assert tape.http.get("/f/a").status_code == 200


def test_an_archive_with_failed_drives_ends(start: Start, tmp_path: Path) -> None:
    (tmp_path / "buffer").mkdir()
    (tmp_path / "buffer" / ".incoming").write_bytes(b"a file where a folder should be")
    assert start().process.wait(timeout=60) != 0
