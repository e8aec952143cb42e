"""Check of the disk that broker and database of a local instance write to."""

import asyncio
import os
from pathlib import Path

from portal_shared.runtime.errors import Unavailable


class DiskCheck:
    """Raises Unavailable while the disk of `folder` has less than `spare_bytes`, or no inodes."""

    def __init__(self, folder: Path, spare_bytes: int) -> None:
        self._folder = folder
        self._spare = spare_bytes

    async def __call__(self) -> None:
        await asyncio.to_thread(self._check)

    def _check(self) -> None:
        try:
            disk = os.statvfs(self._folder)
        except OSError as error:
            raise Unavailable(f"the data folder cannot be read: {error.strerror}") from error
        free = disk.f_bavail * disk.f_frsize
        if free < self._spare:
            raise Unavailable(
                f"the disk of the data folder is full: {free // 10**6} MB are free, "
                f"{self._spare // 10**6} MB are needed. Make room; nothing has to be restarted"
            )
        if disk.f_files and not disk.f_favail:
            raise Unavailable("the disk of the data folder has no room for more files (inodes)")
