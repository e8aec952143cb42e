"""Readers' tools, killed and started again while the downloader is killed too: nothing is lost."""

import asyncio
import hashlib
import random
import shutil
import signal
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from portal_shared.contracts.file_urls import data_path

from tests.drivers.services.downloader import DownloaderClient
from tests.drivers.services.downloader_starters import SharedDownloader
from tests.drivers.tape import TapeArchive

SITE = "http://portal.example"
SIZE = 24_000_000
KILLS = 3


def needs(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


@pytest.fixture
async def online(
    downloader: DownloaderClient, tape: TapeArchive, shared: SharedDownloader
) -> list[str]:
    """Two files of a dataset that is there."""
    names = ["a.bin", "b.bin"]
    await shared.datasets.use(
        "interrupted readers",
        downloader,
        tape,
        lambda: ([tape.write(f"d/{n}", SIZE) for n in names], None),
    )
    return names


async def insisted(
    command: Sequence[str], folder: Path, downloader: DownloaderClient, growing: Path
) -> None:
    """Run it, kill it when something more has come, and so on; then let it end."""
    seen = 0
    for kill in range(KILLS):
        process = await asyncio.create_subprocess_exec(
            *command, cwd=folder, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        more = seen + random.Random(kill).randrange(500_000, 3_000_000)  # noqa: S311
        async with asyncio.timeout(60):
            while process.returncode is None and _size(growing) < more:
                await asyncio.sleep(0.005)
        if kill == 1:
            downloader.process.kill()
            downloader.process.start()
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        if await process.wait() == 0:
            return  # it had everything before it could be killed
        seen = _size(growing)
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    complete = b"error: 416" in output  # curl was killed after the last byte: there is no more
    assert process.returncode == 0 or complete, output[-2000:]


def _size(file: Path) -> int:
    """What is on disk of it: aria2 lays files out in full."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return 0
    return min(found.st_size, found.st_blocks * 512)


def digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def expected(tape: TapeArchive, name: str) -> str:
    return hashlib.sha256(tape.content(f"d/{name}")).hexdigest()


@pytest.mark.parametrize("tool", ["wget", "curl"])
async def test_a_file_goes_on_where_it_was(
    downloader: DownloaderClient, tape: TapeArchive, online: list[str], tmp_path: Path, tool: str
) -> None:
    address = f"{downloader.process.url}{data_path(downloader.pid('p'), 'a.bin')}"
    command = {
        "wget": ["wget", "-q", "-c", "--limit-rate=6m", "--tries=20", "--waitretry=1",
                 "--retry-connrefused", "-O", "x", address],
        "curl": ["curl", "-fsS", "--limit-rate", "6M", "--retry", "20", "--retry-delay", "1",
                 "--retry-all-errors", "-C", "-", "-o", "x", address],
    }[tool]  # fmt: skip
    needs(tool)
    await insisted(command, tmp_path, downloader, tmp_path / "x")
    assert digest(tmp_path / "x") == expected(tape, "a.bin")


@pytest.mark.parametrize("tool", ["wget", "curl"])
async def test_a_zip_goes_on_where_it_was(
    downloader: DownloaderClient, tape: TapeArchive, online: list[str], tmp_path: Path, tool: str
) -> None:
    address = f"{downloader.process.url}{data_path(downloader.pid('p'))}?format=zip"
    command = {
        "wget": ["wget", "-q", "-c", "--limit-rate=8m", "--tries=20", "--waitretry=1",
                 "--retry-connrefused", "-O", "x.zip", address],
        "curl": ["curl", "-fsS", "--limit-rate", "8M", "--retry", "20", "--retry-delay", "1",
                 "--retry-all-errors", "-C", "-", "-o", "x.zip", address],
    }[tool]  # fmt: skip
    needs(tool)
    await insisted(command, tmp_path, downloader, tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.testzip() is None
        found = {Path(n).name: hashlib.sha256(archive.read(n)).hexdigest()
                 for n in archive.namelist() if "/data/" in n}  # fmt: skip
    assert found == {name: expected(tape, name) for name in online}


async def test_aria2_takes_the_metalink_and_verifies(
    downloader: DownloaderClient, tape: TapeArchive, online: list[str], tmp_path: Path
) -> None:
    aria2 = needs("aria2c")
    text = (await downloader.get("p", params={"format": "metalink"})).text
    (tmp_path / "p.meta4").write_text(text.replace(SITE, downloader.process.url), "utf-8")
    command = [
        *(aria2, "--metalink-file=p.meta4", "--continue=true", "--check-integrity=true", "-q"),
        *("--max-overall-download-limit=8M", "--max-tries=20", "--retry-wait=1"),
        *("--split=4", "--max-connection-per-server=4", "--min-split-size=1M"),
        *("--file-allocation=none", "--auto-save-interval=1", "--allow-overwrite=true"),
    ]
    folder = next(iter({n for n in text.split('"') if n.endswith("/a.bin")})).rpartition("/")[0]
    await insisted(command, tmp_path, downloader, tmp_path / folder / "a.bin")
    for name in online:
        assert digest(tmp_path / folder / name) == expected(tape, name)
