"""Computes SHA-256 checksums in parallel; files that have not changed are not read again.

The checksums are saved in a state file, one line per file as it is read, so that an interrupted run
can be continued.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, cast

from portal_shared.contracts.jobs import Problem

from portal_cli.curation.scanner import ScannedFile

CHUNK_BYTES = 1 << 20
ProgressCallback = Callable[[int], None]  # called with bytes read


class Checksums:
    def __init__(self, folder: Path, state: Path, *, threads: int | None = None) -> None:
        self._folder = folder
        self._state = state
        self._threads = threads or min(8, os.cpu_count() or 1)
        self.files_read = 0

    def compute(
        self, files: Sequence[ScannedFile], problems: list[Problem], progress: ProgressCallback
    ) -> dict[str, str]:
        """Returns the checksum of each location.

        A file that cannot be read, or changes while it is read, is added to `problems`.
        """
        saved = dict(self._read_state())
        digests = {f.location: saved.get(_key(f)) for f in files}
        missing = [f for f in files if not digests[f.location]]
        progress(sum(f.size for f in files if digests[f.location]))
        self._state.parent.mkdir(parents=True, exist_ok=True)
        with self._state.open("a", encoding="utf-8") as lines:
            pool = ThreadPoolExecutor(self._threads)
            with pool:
                results = pool.map(partial(self._compute_one, progress=progress), missing)
                for file, result in zip(missing, results, strict=True):
                    if isinstance(result, Problem):
                        problems.append(result)
                        continue
                    digests[file.location] = result
                    self.files_read += 1
                    lines.write(json.dumps([*_key(file), result], ensure_ascii=False) + "\n")
        return {location: digest for location, digest in digests.items() if digest}

    def _read_state(self) -> Iterator[tuple[tuple[str, int, int], str]]:
        try:
            lines = self._state.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return
        for line in lines:
            try:
                row: Any = json.loads(line)
            except ValueError:  # the last line of an interrupted run
                continue
            if isinstance(row, list) and len(cast("list[Any]", row)) == 4:  # noqa: PLR2004
                location, size, modified, digest = cast("list[Any]", row)
                yield (location, size, modified), digest

    def _compute_one(self, file: ScannedFile, progress: ProgressCallback) -> str | Problem:
        try:
            with (self._folder / file.location).open("rb", buffering=0) as handle:
                digest = _digest(handle.fileno(), progress)
                after = os.fstat(handle.fileno())
        except OSError as error:
            return Problem(field=file.location, reason=f"cannot be read: {error.strerror}")
        if (after.st_size, after.st_mtime_ns) != (file.size, file.modified):
            return Problem(
                field=file.location,
                reason="changed while it was read: run the command again when nothing changes it",
            )
        return digest


def _digest(descriptor: int, progress: ProgressCallback) -> str:
    digest = hashlib.sha256()
    buffer = bytearray(CHUNK_BYTES)
    view = memoryview(buffer)
    while size := os.readv(descriptor, [buffer]):
        digest.update(view[:size])
        progress(size)
    return digest.hexdigest()


def _key(file: ScannedFile) -> tuple[str, int, int]:
    return (file.location, file.size, file.modified)
