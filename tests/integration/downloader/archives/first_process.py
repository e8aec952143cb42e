"""An archive's command in process 1: `first_process.py FOLDER` prints the zombies that remain.

The command leaves a child that ends after it.
"""

import asyncio
import sys
import time
from pathlib import Path

from portal_downloader.archives.factory import make_archive
from portal_downloader.settings import DownloaderSettings

SCRIPT = '#!/bin/sh\n(sleep 0.01; true) >/dev/null 2>&1 &\nprintf "online\\t/x/a\\n"\n'


def zombies() -> list[str]:
    """The names of processes that have ended, with their numbers in front."""
    stats = [file.read_text().rpartition(")") for file in Path("/proc").glob("[0-9]*/stat")]
    return [name for name, _, rest in stats if rest.split()[0] == "Z"]


async def recalled(folder: Path) -> None:
    script = folder / "command"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    settings = {
        "archive": "command", "archive_command": [str(script)], "archive_root": folder,
        "cache_dir": folder / "cache",
    }  # fmt: skip
    archive = make_archive(DownloaderSettings.model_validate(settings))
    made = await archive.stage(["/x/a"])
    end = time.monotonic() + 60
    while len(zombies()) < 2:  # the command and its child
        assert time.monotonic() < end, zombies()
        await asyncio.sleep(0.01)
    while zombies() and time.monotonic() < end:
        await archive.progress(made, ["/x/a"])
    sys.stdout.write(f"zombies: {zombies()}\n")


asyncio.run(recalled(Path(sys.argv[1])))
