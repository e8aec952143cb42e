"""SHA-256 of many files, in parallel; what was read before and has not changed is not read again.

The state is a file of lines, appended to as files are done, so that a run that was cut off goes on.
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

from portal_cli.curation.scanner import Found

CHUNK = 1 << 20
Progress = Callable[[int], None]


class Checksums:
    def __init__(self, folder: Path, state: Path, *, threads: int | None = None) -> None:
        self._folder = folder
        self._state = state
        self._threads = threads or min(8, os.cpu_count() or 1)
        self.read = 0  # files, this time

    def of(
        self, files: Sequence[Found], problems: list[Problem], progress: Progress
    ) -> dict[str, str]:
        """Location to checksum; a file that changes while it is read is a problem."""
        known = dict(self._known())
        there = {f.location: known.get(_key(f)) for f in files}
        missing = [f for f in files if not there[f.location]]
        progress(sum(f.size for f in files if there[f.location]))
        self._state.parent.mkdir(parents=True, exist_ok=True)
        with self._state.open("a", encoding="utf-8") as lines:
            pool = ThreadPoolExecutor(self._threads)
            with pool:
                results = pool.map(partial(self._one, progress=progress), missing)
                for file, result in zip(missing, results, strict=True):
                    if isinstance(result, Problem):
                        problems.append(result)
                        continue
                    there[file.location] = result
                    self.read += 1
                    lines.write(json.dumps([*_key(file), result], ensure_ascii=False) + "\n")
        return {location: digest for location, digest in there.items() if digest}

    def _known(self) -> Iterator[tuple[tuple[str, int, int], str]]:
        try:
            lines = self._state.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return
        for line in lines:
            try:
                row: Any = json.loads(line)
            except ValueError:  # the last line of a run that was cut off
                continue
            if isinstance(row, list) and len(cast("list[Any]", row)) == 4:  # noqa: PLR2004
                location, size, modified, digest = cast("list[Any]", row)
                yield (location, size, modified), digest

    def _one(self, file: Found, progress: Progress) -> str | Problem:
        try:
            with (self._folder / file.location).open("rb", buffering=0) as handle:
                digest = _digest(handle.fileno(), progress)
                after = os.fstat(handle.fileno())
        except OSError as error:
            return Problem(field=file.location, reason=f"cannot be read: {error.strerror}")
        if (after.st_size, after.st_mtime_ns) != (file.size, file.modified):
            return Problem(
                field=file.location, reason="changed while it was read: run again when it is still"
            )
        return digest


def _digest(descriptor: int, progress: Progress) -> str:
    digest = hashlib.sha256()
    buffer = bytearray(CHUNK)
    view = memoryview(buffer)
    while size := os.readv(descriptor, [buffer]):
        digest.update(view[:size])
        progress(size)
    return digest.hexdigest()


def _key(file: Found) -> tuple[str, int, int]:
    return (file.location, file.size, file.modified)
