"""Whole datasets and selections: archives that resume at any byte, and lists for every tool."""

import asyncio
import hashlib
import io
import json
import shlex
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from portal_shared.contracts.records import File

from tests.drivers.services.downloader import DownloaderClient
from tests.drivers.services.downloader_starters import SharedDownloader
from tests.drivers.tape import TapeArchive

SITE = "http://portal.example"
NAMES = ("a.json", "v.zarr/zarr.json", "v.zarr/0/c/0", "v.zarr/0/c/1", "notes/ü x.txt")


def written(tape: TapeArchive, names: tuple[str, ...] = NAMES, size: int = 40_000) -> list[File]:
    found = []
    for name in names:
        path, _, _ = name.rpartition("/")
        found.append(tape.write(f"d/{name}", size).model_copy(update={"path": path or None}))
    return found


@pytest.fixture
async def online(
    downloader: DownloaderClient, tape: TapeArchive, shared: SharedDownloader
) -> dict[str, bytes]:
    """A dataset that is there: locations and contents."""
    await shared.datasets.use("bundles", downloader, tape, lambda: (written(tape), None))
    return {name: tape.content(f"d/{name}") for name in NAMES}


def contents(folder: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {
            n.partition("/data/")[2]: archive.read(n) for n in archive.namelist() if "/data/" in n
        }


async def test_a_dataset_comes_as_a_zip_with_length_tag_and_ranges(
    downloader: DownloaderClient, online: dict[str, bytes]
) -> None:
    whole = await downloader.get("p", params={"format": "zip"})
    assert whole.status_code == 200, whole.text
    assert whole.headers["content-type"] == "application/zip"
    assert int(whole.headers["content-length"]) == len(whole.content)
    assert unzipped(whole.content) == online
    tag = whole.headers["etag"]
    assert tag.startswith('"zip-')
    head = await downloader.http.head(str(whole.url))
    assert head.headers["content-length"] == whole.headers["content-length"]
    for start in (1, 50_000, len(whole.content) - 3):
        response = {"Range": f"bytes={start}-", "If-Range": tag}
        part = await downloader.http.get(str(whole.url), headers=response)
        assert part.status_code == 206
        assert part.content == whole.content[start:]
    several = {"Range": "bytes=0-3,60000-60010,-5"}
    parts = await downloader.http.get(str(whole.url), headers=several)
    assert parts.status_code == 206
    assert whole.content[60_000:60_011] in parts.content
    beyond = {"Range": f"bytes={len(whole.content)}-"}
    assert (await downloader.http.get(str(whole.url), headers=beyond)).status_code == 416
    other = {"Range": "bytes=5-", "If-Range": '"zip-other"'}
    assert (await downloader.http.get(str(whole.url), headers=other)).status_code == 200
    unchanged = {"If-None-Match": tag}
    assert (await downloader.http.get(str(whole.url), headers=unchanged)).status_code == 304


async def test_a_zip_is_the_same_after_a_restart(
    downloader: DownloaderClient, online: dict[str, bytes]
) -> None:
    before = await downloader.get("p", params={"format": "zip"})
    downloader.process.kill()
    downloader.process.start()
    response = {"Range": "bytes=70000-", "If-Range": before.headers["etag"]}
    after = await downloader.get("p", params={"format": "zip"}, headers=response)
    assert after.status_code == 206
    assert after.content == before.content[70_000:]


async def test_a_selection_comes_as_an_archive_too(
    downloader: DownloaderClient, online: dict[str, bytes]
) -> None:
    folder = await downloader.get("p", "v.zarr/", params={"format": "zip"})
    assert unzipped(folder.content) == {n: c for n, c in online.items() if n.startswith("v.zarr/")}
    selected = await downloader.get("p", params={"format": "zip", "file": ["a.json", NAMES[4]]})
    assert set(unzipped(selected.content)) == {"a.json", NAMES[4]}
    tar = await downloader.get("p", params={"format": "tar"})
    with tarfile.open(fileobj=io.BytesIO(tar.content)) as archive:
        files = {m.name.partition("/data/")[2]: m for m in archive if "/data/" in m.name}
        assert set(files) == set(online)


async def test_the_files_of_a_request_are_a_selection(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", written(tape))
    request = await downloader.request("p", "a.json", "v.zarr/0/c/1")
    await downloader.final_event(request)
    answer = await downloader.get("p", params={"format": "zip", "request": request})
    assert set(unzipped(answer.content)) == {"a.json", "v.zarr/0/c/1"}
    forged = await downloader.get("p", params={"format": "zip", "request": "nobody"})
    assert (forged.status_code, forged.json()["field"]) == (404, "request")


async def test_the_response_for_an_archive_of_files_on_tape_contains_the_request_to_send(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", written(tape))
    await downloader.final_event(await downloader.request("p", "a.json"))
    answer = await downloader.get("p", params={"format": "zip", "file": ["a.json", NAMES[2]]})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    reported = answer.json()
    assert (reported["files"], reported["files_online"]) == (2, 1)
    assert reported["request"]["body"] == {"pid": downloader.pid("p"), "files": [NAMES[2]]}
    assert tape.recalls == {"d/a.json": 1}


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [({"format": "rar"}, 422, "format"), ({"format": "zip", "file": "no"}, 404, "file"),
     ({"formt": "zip"}, 422, "formt"), ({"format": "zip", "file": ["a.json"], "request": "x"},
      422, "request"), ({"format": "zip", "file": ["../../etc/passwd"]}, 404, "file"),
     ({"format": "zip", "file": ["x"] * 2000}, 422, "file")],
)  # fmt: skip
async def test_selections_that_are_none_are_refused_by_name(
    downloader: DownloaderClient,
    online: dict[str, bytes],
    query: dict[str, Any],
    status: int,
    field: str,
) -> None:
    answer = await downloader.get("p", params=query)
    assert answer.status_code == status, answer.text
    assert answer.json()["field"] == field


async def test_a_folder_is_listed_with_its_files_and_folders(
    downloader: DownloaderClient, online: dict[str, bytes]
) -> None:
    listed = (await downloader.get("p", "v.zarr/")).json()
    assert [f["name"] for f in listed["files"]] == ["v.zarr/zarr.json"]
    assert listed["folders"] == ["v.zarr/0/"]
    page = await downloader.get("p", "", headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert 'href="v.zarr/"' in page.text
    assert 'href="a.json"' in page.text
    none = await downloader.get("p", "v.zar/")
    assert none.status_code == 404
    first = (await downloader.get("p", "v.zarr/0/c/", params={"limit": 1})).json()
    second = (await downloader.http.get(first["next"].removeprefix(SITE))).json()
    names = [f["name"] for listed in (first, second) for f in listed["files"]]
    assert (names, second["next"]) == (["v.zarr/0/c/0", "v.zarr/0/c/1"], None)


async def test_lists_for_other_tools_name_every_file(
    downloader: DownloaderClient, online: dict[str, bytes], tmp_path: Path
) -> None:
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in online.items()}
    for kind in ("metalink", "manifest", "sha256sums", "aria2", "wget", "curl"):
        answer = await downloader.get("p", params={"format": kind})
        assert answer.status_code == 200, kind
        for digest in digests.values():
            assert digest in answer.text, kind
    commands = (await downloader.get("p", params={"format": "commands"})).json()["commands"]
    assert {"portal", "aria2", "wget", "curl", "metalink"} <= set(commands)
    bag = await downloader.get("p", params={"format": "bag"})
    with zipfile.ZipFile(io.BytesIO(bag.content)) as archive:
        fetch = next(n for n in archive.namelist() if n.endswith("/fetch.txt"))
        assert len(archive.read(fetch).splitlines()) == len(online)


@pytest.mark.parametrize("tool", ["wget", "curl"])
async def test_a_script_fetches_verifies_and_may_be_run_twice(
    downloader: DownloaderClient, online: dict[str, bytes], tmp_path: Path, tool: str
) -> None:
    text = (await downloader.get("p", params={"format": tool})).text
    text = text.replace(SITE, downloader.process.url)
    for new in (5, 1):
        done = await asyncio.to_thread(
            subprocess.run, ["sh", "-c", text], cwd=tmp_path, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        summary = f"5 of 5 files complete and verified, {new} of them downloaded now.\n"
        assert done.stdout.decode() == summary
        assert b"cannot open" not in done.stderr  # what is not there yet is no trouble
        assert b"No such file" not in done.stderr
        assert set(contents(tmp_path).values()) == set(online.values())
        next(p for p in contents(tmp_path) if p.name == "a.json").write_bytes(b"spoilt")


@pytest.mark.parametrize("tool", ["wget", "curl"])
async def test_the_command_for_a_zip_continues_and_may_be_run_twice(
    downloader: DownloaderClient, online: dict[str, bytes], tmp_path: Path, tool: str
) -> None:
    commands = (await downloader.get("p", params={"format": "commands"})).json()["commands"]
    command = commands[f"zip with {tool}"].replace(SITE, downloader.process.url)
    whole = (await downloader.get("p", params={"format": "zip"})).content
    words = shlex.split(command)
    name = words[words.index("-f" if tool == "curl" else "-O") + 1]
    part = tmp_path / (f"{name}.part" if tool == "curl" else name)
    part.write_bytes(whole[:50_000])  # as an interrupted run leaves it
    for _ in range(2):
        done = await asyncio.to_thread(
            subprocess.run, ["sh", "-c", command], cwd=tmp_path, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert contents(tmp_path) == {tmp_path / name: whole}
    assert unzipped(whole) == online


@pytest.mark.parametrize("tool", ["wget", "curl"])
async def test_a_script_leaves_files_on_tape_for_later(
    downloader: DownloaderClient, tape: TapeArchive, tmp_path: Path, tool: str
) -> None:
    await downloader.register("p", written(tape, ("a.json", "b.json")))
    await downloader.final_event(await downloader.request("p", "a.json"))
    text = (await downloader.get("p", params={"format": tool})).text
    text = text.replace(SITE, downloader.process.url)
    command = ["sh", "-c", text]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=tmp_path, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert done.stdout.decode().startswith("1 of 2 files complete and verified")
    pid = quote(downloader.pid("p"), safe="")
    page = f"{downloader.process.url}/datasets/{pid}/download?level=all"
    assert done.stderr.decode().endswith(f"On tape: 1. Request them, then run this again: {page}\n")
    assert [p.name for p in contents(tmp_path)] == ["a.json"]
    await downloader.final_event(await downloader.request("p", "b.json"))
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=tmp_path, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in contents(tmp_path)) == ["a.json", "b.json"]


async def test_unverifiable_files_are_in_no_archive(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", [*written(tape), File(name="bare", size=3)])
    await downloader.final_event(await downloader.request("p", "a.json"))
    answer = await downloader.get("p", params={"format": "zip"})
    assert answer.status_code == 503
    reported = json.loads(answer.text)
    assert (reported["files"], reported["state"], reported["location"]) == (
        6,
        "UNAVAILABLE",
        "bare",
    )
    assert "retry-after" not in answer.headers  # it would be of no use
    assert "request" not in reported


async def test_an_archive_of_restoring_files_has_the_state_restoring(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", written(tape, NAMES[:1]))
    tape.add_fault(effect="status", kind="POST /stage", status=503, times=4)
    request = await downloader.request("p")
    async with asyncio.timeout(60):
        while (await downloader.get("p")).json()["files"][0]["state"] != "RESTORING":
            await asyncio.sleep(0.1)
    answer = await downloader.get("p", params={"format": "zip"})
    assert (answer.status_code, answer.json()["state"]) == (503, "RESTORING")
    assert int(answer.headers["retry-after"]) > 0
    await downloader.final_event(request)
    assert (await downloader.get("p", params={"format": "zip"})).status_code == 200


async def test_a_selection_is_listed_alone_page_by_page(
    downloader: DownloaderClient, online: dict[str, bytes]
) -> None:
    selected = {"file": [NAMES[2], "a.json", NAMES[3]], "limit": 2}
    first = (await downloader.get("p", params=selected)).json()
    second = (await downloader.http.get(first["next"].removeprefix(SITE))).json()
    names = [[f["name"] for f in listed["files"]] for listed in (first, second)]
    assert names == [["a.json", NAMES[2]], [NAMES[3]]]
    assert (first["total"], second["next"]) == (3, None)
    page = await downloader.get("p", params={"file": "a.json"}, headers={"Accept": "text/html"})
    assert 'href="a.json"' in page.text
    assert "v.zarr" not in page.text
    assert 'href="?file=a.json&amp;format=zip"' in page.text
    none = await downloader.get("p", params={"file": "no"})
    assert (none.status_code, none.json()["field"]) == (404, "file")


async def test_failed_files_of_a_request_are_listed_with_the_reason(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", written(tape))
    tape.add_fault(effect="lost", path="d/a.json")
    request = await downloader.request("p", "a.json", NAMES[2])
    await downloader.final_event(request)
    listed = (await downloader.get("p", params={"request": request})).json()
    reported = {f["name"]: (f["state"], f["reason"]) for f in listed["files"]}
    assert reported.keys() == {"a.json", NAMES[2]}
    assert reported[NAMES[2]] == ("ONLINE", None)
    assert reported["a.json"][0] == "LOST"
    assert "lost" in reported["a.json"][1]
