"""A full disk: nothing fails, no file is incomplete, and the state is reported."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.drivers.services.downloader import StartDownloader
from tests.drivers.tape import TapeArchive


def own_disk(folder: Path, *, options: str) -> list[str]:
    """Runs a command with a small disk of its own at the folder."""
    mount = f'mount -t tmpfs -o {options} tmpfs "{folder}" && exec "$@"'
    return ["unshare", "--mount", "--map-root-user", "sh", "-c", mount, "sh"]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here")
    tried = subprocess.run([*own_disk(folder, options="size=1m"), "true"], check=False)
    if tried.returncode:
        pytest.skip("no file system may be mounted here")
    return folder


async def test_a_full_disk_is_reported_and_recalls_resume_when_it_has_space(
    start_downloader: StartDownloader, tape: TapeArchive, cache: Path
) -> None:
    started = own_disk(cache, options="size=64m,nr_inodes=40")
    downloader = await start_downloader(prefix=started, cache_spare_bytes="0")
    files = [tape.write(f"d/{n}", 3000) for n in range(3)]
    await downloader.register("p", files)
    disk = Path(f"/proc/{downloader.process.pid}/root{cache}")
    ballast = _fill(disk)
    request = await downloader.request("p")
    while (await downloader.status())["cache"]["full"] != "the disk of the cache is full":
        await asyncio.sleep(0.1)
    assert (await downloader.get("p", "0")).json()["state"] == "RESTORING"
    assert "No space left" in str((await downloader.status())["trouble"])
    await downloader.receive()
    assert not downloader.published("download.failed.v1", request_id=request)
    for file in ballast:
        file.unlink()
    assert (await downloader.final_event(request))["files"] == 3
    assert (await downloader.get("p", "0")).content == tape.content("d/0")
    assert (await downloader.status())["cache"]["full"] is None
    assert set(tape.recalls.values()) == {1}


def _fill(disk: Path) -> list[Path]:
    """Writes files until the disk is full."""
    made: list[Path] = []
    while True:
        file = disk / f"ballast{len(made)}"
        try:
            os.close(os.open(file, os.O_CREAT | os.O_WRONLY))
        except OSError:
            return made
        made.append(file)
