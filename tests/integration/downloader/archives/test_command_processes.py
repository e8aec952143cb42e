"""What an archive's command starts ends with it, and leaves no zombies."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from portal_downloader.archives.factory import make_archive
from portal_downloader.settings import DownloaderSettings
from portal_shared.runtime.errors import Unavailable

FIRST = Path(__file__).with_name("first_process.py")
NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
ENDLESS = '#!/bin/sh\nsleep 100000 &\necho $! >"$0.child"\nwait\n'  # its child has the pipe too


async def test_a_command_that_takes_too_long_ends_with_its_children(tmp_path: Path) -> None:
    script = tmp_path / "command"
    script.write_text(ENDLESS)
    script.chmod(0o755)
    settings = {
        "archive": "command", "archive_command": [str(script)], "archive_root": tmp_path,
        "cache_dir": tmp_path / "cache", "tape_timeout": 1,
    }  # fmt: skip
    archive = make_archive(DownloaderSettings.model_validate(settings))
    child = tmp_path / "command.child"
    async with asyncio.timeout(120):
        while not child.exists() or not child.read_text().strip():  # the first may be too early
            with pytest.raises(Unavailable, match="timed out"):
                await archive.localities(["/x/a"])
        while _runs(int(child.read_text())):
            await asyncio.sleep(0.01)


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"  # whoever is process 1 here takes its exit code


def test_process_1_takes_the_exit_codes_of_orphans(tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here")
    if subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no PID namespace may be made here")
    found = subprocess.run(
        [*NAMESPACE, sys.executable, str(FIRST), str(tmp_path)],
        check=True, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert found.stdout == "zombies: []\n"
