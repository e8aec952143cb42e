"""portal get, from tape to verified files, through gateway and downloader."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from portal_cli.commands.get import get
from portal_cli.download.client import StagingProgress
from portal_cli.download.display import staging_line
from portal_shared.contracts.records import File
from typer.testing import CliRunner

from tests.drivers.services.download_gateway import DownloadGateway
from tests.drivers.services.downloader import DownloaderClient
from tests.drivers.tape import TapeArchive

ENTRY = "import typer; from portal_cli.commands.get import get; typer.run(get)"
COMMAND = typer.Typer()
COMMAND.command()(get)


async def run(gateway: DownloadGateway, *arguments: str) -> tuple[int, str, str]:
    """The command's exit code, standard output and error."""
    sent = [*arguments, "--url", gateway.url]
    result = await asyncio.to_thread(CliRunner().invoke, COMMAND, sent)
    return result.exit_code, result.stdout, result.stderr


async def killed(gateway: DownloadGateway, *arguments: str, when: Callable[[], bool]) -> None:
    """The command, ended without mercy at that moment."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ENTRY, *arguments, "--url", gateway.url
    )
    async with asyncio.timeout(60):
        while not when():
            assert process.returncode is None
            await asyncio.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL


async def volume(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive, size: int = 20_000
) -> list[File]:
    files = [
        tape.write(f"d/{path}{name}", size).model_copy(update={"path": path.rstrip("/") or None})
        for path, name in (("", "a.json"), ("v.zarr/0/", "0"), ("v.zarr/0/", "1"), ("", "b b.tif"))
    ]
    await downloader.register("p", files)
    await gateway.index_dataset(downloader.pid("p"), files)
    return files


def written(folder: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):  # renamed meanwhile
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


async def test_a_dataset_comes_from_tape_verified(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive, tmp_path: Path
) -> None:
    files = await volume(downloader, gateway, tape)
    code, out, err = await run(gateway, downloader.pid("p"), "-o", str(tmp_path), "--json")
    assert code == 0, err
    facts = json.loads(out)
    assert {f["location"]: f["result"] for f in facts["files"]} == {
        f.location: "downloaded" for f in files
    }
    assert written(tmp_path) == {f.location: tape.content(f"d/{f.location}") for f in files}
    assert tape.recalls == {f"d/{f.location}": 1 for f in files}

    (tmp_path / "a.json").write_bytes(b"spoilt")
    (tmp_path / "v.zarr/0/1").unlink()
    code, out, err = await run(gateway, downloader.pid("p"), "-o", str(tmp_path), "--json")
    assert code == 0, err
    assert {f["location"]: f["result"] for f in json.loads(out)["files"]} == {
        "a.json": "downloaded", "v.zarr/0/0": "present", "v.zarr/0/1": "downloaded",
        "b b.tif": "present",
    }  # fmt: skip
    assert written(tmp_path) == {f.location: tape.content(f"d/{f.location}") for f in files}


async def test_files_come_while_others_of_the_dataset_are_still_on_tape(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive, tmp_path: Path
) -> None:
    files = await volume(downloader, gateway, tape)
    stored_rows = "v.zarr/0/1"
    others = {
        f.location: tape.content(f"d/{f.location}") for f in files if f.location != stored_rows
    }
    tape.add_fault(effect="stuck", path=f"d/{stored_rows}")
    sent = (downloader.pid("p"), "-o", str(tmp_path), "--json")
    getting = asyncio.create_task(run(gateway, *sent))
    try:
        async with asyncio.timeout(90):
            while {n for n in written(tmp_path) if not n.endswith(".part")} != set(others):
                assert not getting.done()
                await asyncio.sleep(0.05)
        assert written(tmp_path) == others
        listed = (await downloader.get("p")).json()["files"]
        assert [f["name"] for f in listed if f["state"] != "ONLINE"] == [stored_rows]
        assert not getting.done()
    finally:
        tape.http.delete("/_faults").raise_for_status()
        code, out, err = await getting
    assert code == 0, err
    reported = {f["location"]: f["result"] for f in json.loads(out)["files"]}
    assert reported == dict.fromkeys((*others, stored_rows), "downloaded")
    assert written(tmp_path) == {**others, stored_rows: tape.content(f"d/{stored_rows}")}
    assert tape.recalls == {f"d/{f.location}": 1 for f in files}


async def test_files_that_arrived_before_an_error_remain(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive, tmp_path: Path
) -> None:
    await volume(downloader, gateway, tape)
    selected = [x for name in ("v.zarr/0/1", "a.json", "b b.tif") for x in ("--file", name)]
    tape.add_fault(effect="stuck", path="d/a.json")
    tape.add_fault(effect="fail", path="d/b b.tif", reason="drive ate it", times=None)
    sent = (downloader.pid("p"), "-o", str(tmp_path), "--json", *selected)
    getting = asyncio.create_task(run(gateway, *sent))
    try:
        async with asyncio.timeout(90):
            while "v.zarr/0/1" not in written(tmp_path):
                assert not getting.done()
                await asyncio.sleep(0.05)
    finally:
        tape.http.delete("/_faults").raise_for_status()
        tape.add_fault(effect="fail", path="d/b b.tif", reason="drive ate it", times=None)
        code, out, _ = await getting
    assert code == 1
    failed = [f for f in json.loads(out)["files"] if f["result"] == "failed"]
    assert [f["location"] for f in failed] == ["b b.tif"]
    assert "drive ate it" in failed[0]["reason"]
    assert set(written(tmp_path)) == {"v.zarr/0/1", "a.json"}


async def test_an_interrupted_download_of_files_on_tape_keeps_the_arrived_files(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive, tmp_path: Path
) -> None:
    files = await volume(downloader, gateway, tape)
    tape.add_fault(effect="stuck", path="d/a.json")
    sent = (downloader.pid("p"), "-o", str(tmp_path), "--json")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ENTRY, *sent, "--url", gateway.url, stderr=asyncio.subprocess.PIPE
    )
    rest = {f.location for f in files} - {"a.json"}
    async with asyncio.timeout(90):
        while set(written(tmp_path)) != rest:
            assert process.returncode is None
            await asyncio.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert (process.returncode, b"Run the same command again" in err) == (130, True)
    tape.http.delete("/_faults").raise_for_status()
    code, out, text = await run(gateway, *sent)
    assert code == 0, text
    reported = {f["location"]: f["result"] for f in json.loads(out)["files"]}
    assert reported == {**dict.fromkeys(rest, "present"), "a.json": "downloaded"}


async def test_only_the_selected_files_are_downloaded(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive, tmp_path: Path
) -> None:
    await volume(downloader, gateway, tape)
    pid = downloader.pid("p")
    code, _, err = await run(
        gateway, pid, "-o", str(tmp_path), "--file", "v.zarr/0/1", "--file", "b b.tif"
    )
    assert code == 0, err
    assert set(written(tmp_path)) == {"v.zarr/0/1", "b b.tif"}
    assert set(tape.recalls) == {"d/v.zarr/0/1", "d/b b.tif"}
    code, _, err = await run(gateway, pid, "-o", str(tmp_path), "--file", "none")
    assert (code, "no file 'none'" in err) == (2, True)


async def test_killed_in_the_middle_it_goes_on_where_it_stopped(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive, tmp_path: Path
) -> None:
    big = tape.write("d/big", 80_000_000)
    await downloader.register("p", [big])
    await gateway.index_dataset(downloader.pid("p"), [big])
    arguments = (downloader.pid("p"), "-o", str(tmp_path), "--json")
    part = tmp_path / "big.part"
    await killed(gateway, *arguments, when=lambda: part.exists() and part.stat().st_size > 0)
    there = part.stat().st_size
    assert 0 < there < 80_000_000
    code, out, err = await run(gateway, *arguments)
    assert code == 0, err
    assert json.loads(out)["files"][0]["result"] == "downloaded"
    assert written(tmp_path) == {"big": tape.content("d/big")}


async def test_an_unverified_file_is_not_stored(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive, tmp_path: Path
) -> None:
    files = await volume(downloader, gateway, tape)
    tape.add_fault(effect="corrupt", path="d/a.json", times=None)
    code, out, _ = await run(gateway, downloader.pid("p"), "-o", str(tmp_path), "--json")
    assert code == 1
    failed = [f for f in json.loads(out)["files"] if f["result"] == "failed"]
    assert [f["location"] for f in failed] == ["a.json"]
    assert "checksum" in failed[0]["reason"]
    assert set(written(tmp_path)) == {f.location for f in files} - {"a.json"}


async def test_a_doi_is_as_good_as_a_pid(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive, tmp_path: Path
) -> None:
    await volume(downloader, gateway, tape)
    one = {"level": "dataset", "pid": downloader.pid("p"), "title": "one"}
    gateway.dois = {
        "10.1234/one": [one],
        "10.1234/many": [one, {"level": "dataset", "pid": "q", "title": "two\x1b[31m"}],
        "10.1234/doc": [{"level": "document", "pid": "d", "title": "a document"}],
    }
    code, _, err = await run(gateway, "https://doi.org/10.1234/ONE", "-o", str(tmp_path))
    assert code == 0, err
    for doi, listed in (("10.1234/many", "two"), ("10.1234/doc", "a document")):
        code, _, err = await run(gateway, doi, "-o", str(tmp_path / "x"))
        assert (code, listed in err, "\x1b" in err) == (2, True, False)
    code, _, err = await run(gateway, "10.1234/none", "-o", str(tmp_path / "x"))
    assert code == 2
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("nobody",), 2), ((), 2), (("--no-such-option", "x"), 2)],
)
async def test_exit_codes_distinguish_errors(
    gateway: DownloadGateway,
    tape: TapeArchive,
    tmp_path: Path,
    arguments: tuple[str, ...],
    code: int,
) -> None:
    found, _, err = await run(gateway, "-o", str(tmp_path / "x"), *arguments)
    assert found == code, err
    assert not written(tmp_path)


async def test_without_an_instance_or_address_nothing_is_in_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PORTAL_URL", raising=False)
    result = CliRunner().invoke(COMMAND, ["x", "--data", str(tmp_path), "--json"])
    assert (result.exit_code, "portal up" in result.stderr) == (3, True)


async def several(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive
) -> dict[str, File]:
    found: dict[str, File] = {}
    for name in ("p", "q", "r"):
        file = tape.write(f"d/{name}.bin", 2000)
        await downloader.register(name, [file])
        await gateway.index_dataset(downloader.pid(name), [file])
        found[downloader.pid(name)] = file
    return found


async def test_several_datasets_come_into_folders_of_their_own_with_a_receipt(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive, tmp_path: Path
) -> None:
    files = await several(downloader, gateway, tape)
    first, second, third = files
    listing = tmp_path / "list"
    listing.write_text(f"# mine\n{second}\n\n{third}  \n{first}\n")
    out = tmp_path / "out"
    code, text, err = await run(gateway, first, "--list", str(listing), "-o", str(out), "--json")
    assert code == 0, err
    reported = json.loads(text)
    assert [d["pid"] for d in reported["datasets"]] == [first, second, third]
    receipt = json.loads((out / "portal-get.receipt.json").read_text())
    assert reported["receipt"] == str(out / "portal-get.receipt.json")
    assert receipt["portal"] == gateway.url
    for dataset in receipt["datasets"]:
        file = files[dataset["pid"]]
        there = Path(dataset["folder"]) / file.location
        assert there.parent.parent == out
        assert there.read_bytes() == tape.content(f"d/{file.location}")
        assert dataset["doi"] == f"10.1234/{dataset['pid']}"
        assert dataset["citation"] == f"Someone (2026). {dataset['pid']}."
        (one,) = dataset["files"]
        assert (one["sha256"], one["bytes"], one["result"]) == (file.sha256, 2000, "downloaded")
        assert receipt["began"] <= one["verified"] <= receipt["ended"]
        path = one["url"].removeprefix(gateway.url)
        assert (await downloader.http.get(path)).content == there.read_bytes()


async def test_datasets_above_the_quota_are_requested_as_the_first_arrive(
    downloader: DownloaderClient,
    gateway: DownloadGateway,
    tape: TapeArchive,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The quota of the `gateway` fixture is smaller than the number of datasets."""
    monkeypatch.setattr("portal_cli.download.client.TRIES", 1)  # tapes take longer than any tries
    pids: list[str] = []
    for number in range(gateway.settings.most_downloads_waiting + 3):
        file = tape.write(f"d/{number}.bin", 500)
        await downloader.register(f"m{number}", [file])
        pids.append(downloader.pid(f"m{number}"))
        await gateway.index_dataset(pids[-1], [file])
    tape.add_fault(effect="status", kind="POST /stage", status=503, times=3)
    out = tmp_path / "out"
    code, text, err = await run(gateway, *pids, "-o", str(out), "--json")
    assert code == 0, err
    assert [d["pid"] for d in json.loads(text)["datasets"]] == pids
    assert len(written(out)) == len(pids) + 1  # with the receipt


async def test_datasets_of_a_search_are_downloaded_up_to_the_limit(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive, tmp_path: Path
) -> None:
    files = await several(downloader, gateway, tape)
    gateway.found = {"a lung": list(files), "nothing": []}
    reported = tmp_path / "r.json"
    arguments = ("--search", "a lung", "-o", str(tmp_path / "out"), "--receipt", str(reported))
    code, _, err = await run(gateway, *arguments, "--most", "2")
    assert (code, "More than 2" in err, reported.exists()) == (2, True, False)
    code, _, err = await run(gateway, *arguments, "--most", "3")
    assert code == 0, err
    assert {d["pid"] for d in json.loads(reported.read_text())["datasets"]} == set(files)
    code, _, err = await run(gateway, "--search", "nothing")
    assert (code, "No dataset was found" in err) == (2, True)


def test_the_progress_line_shows_position_and_time() -> None:
    progress = StagingProgress("ARCHIVED", False, 9, 0, 0, 9, 0, None, place=3, seconds_left=50)  # noqa: FBT003
    assert staging_line(progress) == "ARCHIVED, place 3 in the queue, about 50 s left"
    later = replace(progress, state="RESTORING", place=None, seconds_left=900)
    assert staging_line(later) == "RESTORING, about 15 min left"
    assert staging_line(replace(later, state="ONLINE", done=True)) == "ONLINE"
