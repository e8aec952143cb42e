"""portal get, from tape to verified files, through gateway and downloader."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from portal_cli.get import get
from portal_shared.model import File
from typer.testing import CliRunner

ENTRY = "import typer; from portal_cli.get import get; typer.run(get)"
COMMAND = typer.Typer()
COMMAND.command()(get)


async def run(gateway: Any, *arguments: str) -> tuple[int, str, str]:
    """The command's exit code, standard output and error."""
    sent = [*arguments, "--url", gateway.url]
    result = await asyncio.to_thread(CliRunner().invoke, COMMAND, sent)
    return result.exit_code, result.stdout, result.stderr


async def killed(gateway: Any, *arguments: str, when: Callable[[], bool]) -> None:
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


async def volume(downloader: Any, gateway: Any, tape: Any, size: int = 20_000) -> list[File]:
    files = [
        tape.write(f"d/{path}{name}", size).model_copy(update={"path": path.rstrip("/") or None})
        for path, name in (("", "a.json"), ("v.zarr/0/", "0"), ("v.zarr/0/", "1"), ("", "b b.tif"))
    ]
    await downloader.register("p", files)
    await gateway.index(downloader.pid("p"), files)
    return files


def written(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


async def test_a_dataset_comes_from_tape_verified(
    downloader: Any, gateway: Any, tape: Any, tmp_path: Path
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


async def test_only_the_named_files_come(
    downloader: Any, gateway: Any, tape: Any, tmp_path: Path
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
    downloader: Any, gateway: Any, tape: Any, tmp_path: Path
) -> None:
    big = tape.write("d/big", 80_000_000)
    await downloader.register("p", [big])
    await gateway.index(downloader.pid("p"), [big])
    arguments = (downloader.pid("p"), "-o", str(tmp_path), "--json")
    part = tmp_path / "big.part"
    await killed(gateway, *arguments, when=lambda: part.exists() and part.stat().st_size > 0)
    there = part.stat().st_size
    assert 0 < there < 80_000_000
    code, out, err = await run(gateway, *arguments)
    assert code == 0, err
    assert json.loads(out)["files"][0]["result"] == "downloaded"
    assert written(tmp_path) == {"big": tape.content("d/big")}


async def test_what_cannot_be_verified_is_not_kept(
    downloader: Any, gateway: Any, tape: Any, tmp_path: Path
) -> None:
    files = await volume(downloader, gateway, tape)
    tape.fault(effect="corrupt", path="d/a.json", times=None)
    code, out, _ = await run(gateway, downloader.pid("p"), "-o", str(tmp_path), "--json")
    assert code == 1
    failed = [f for f in json.loads(out)["files"] if f["result"] == "failed"]
    assert [f["location"] for f in failed] == ["a.json"]
    assert "checksum" in failed[0]["reason"]
    assert set(written(tmp_path)) == {f.location for f in files} - {"a.json"}


async def test_a_doi_is_as_good_as_a_pid(
    downloader: Any, gateway: Any, tape: Any, tmp_path: Path
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
async def test_exit_codes_say_what_went_wrong(
    gateway: Any, tape: Any, tmp_path: Path, arguments: tuple[str, ...], code: int
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
