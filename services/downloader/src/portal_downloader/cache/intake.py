"""Copies files from the intake folder, where they are when a dataset is registered. Blocking."""

import contextlib
import os
from collections.abc import Generator
from pathlib import Path

from portal_shared.runtime.safe_open import folder_below, open_regular_file

from portal_downloader.cache.disk import READ_BYTES, Cache


class Intake:
    """Files below the intake folder; no path leads out of it, no link is followed."""

    def __init__(self, root: Path | None) -> None:
        self._root = root

    def copy(self, cache: Cache, path: str, *, key: str, sha256: str, size: int) -> int | None:
        """Copies a file to the cache under the key of its growing file; returns its CRC-32.

        Returns None if the folder has no readable file of this content. Raises InUse, and OSError
        if the cache cannot be written to.
        """
        with self._open(path) as source:
            if source is None or os.fstat(source).st_size != size:
                return None
            incoming = cache.incoming(key)
            try:
                incoming.restart()  # without what an interrupted recall has left
                while incoming.size <= size and (chunk := _read(source)):
                    incoming.write(chunk)
                if (incoming.size, incoming.sha256) != (size, sha256):
                    incoming.discard()
                    return None
                incoming.commit()
                return incoming.crc32
            finally:
                incoming.close()

    @contextlib.contextmanager
    def _open(self, path: str) -> Generator[int | None]:
        """Opens a file for reading; None if that is not possible."""
        *folders, name = path.strip("/").split("/")
        source = None
        if self._root is not None:
            with contextlib.suppress(OSError):
                source = _open_below(self._root, folders, name)
        try:
            yield source
        finally:
            if source is not None:
                os.close(source)


def _open_below(root: Path, folders: list[str], name: str) -> int:
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with folder_below(descriptor, folders) as folder:
            return open_regular_file(folder, name)
    finally:
        os.close(descriptor)


def _read(source: int) -> bytes:
    """Returns the next bytes; none at the end, or where the source cannot be read."""
    try:
        return os.read(source, READ_BYTES)
    except OSError:
        return b""
