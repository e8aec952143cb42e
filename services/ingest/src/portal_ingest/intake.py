"""The files a job names, as they lie below the intake root: are they there, and what they claim?

Opened part by part below the root's descriptor, without following links, so that no name leads out.
"""

import hashlib
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from portal_shared.errors import Unavailable
from portal_shared.jobs import DatasetIn, FileIn, Problem

CHUNK = 1_048_576


class Intake:
    def __init__(self, root: Path | None) -> None:
        self._root = root

    def problems(self, dataset: DatasetIn, place: str) -> list[Problem]:
        """What is wrong with the files of a dataset; reads all of them (call it in a thread)."""
        if dataset.folder is None:
            return []
        if self._root is None:
            return [Problem(field=f"{place}.folder", reason="this portal takes no files in")]
        try:
            root = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise Unavailable(f"intake root: {error}") from error
        try:
            try:
                folder = _descend(root, dataset.folder.split("/"))
            except OSError as error:
                reason = f"{dataset.folder!r}: {error.strerror}"
                return [Problem(field=f"{place}.folder", reason=reason)]
            try:
                return [
                    problem
                    for n, file in enumerate(dataset.files)
                    if (problem := _problem(folder, file, f"{place}.files[{n}]"))
                ]
            finally:
                os.close(folder)
        finally:
            os.close(root)


def _descend(start: int, parts: list[str]) -> int:
    """A descriptor of the folder; the caller closes it. Raises OSError."""
    here = os.dup(start)
    for part in parts:
        try:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
        finally:
            os.close(here)
        here = below
    return here


@contextmanager
def _opened(folder: int, file: FileIn) -> Generator[int]:
    inner = _descend(folder, file.path.split("/") if file.path else [])
    try:
        descriptor = os.open(file.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=inner)
    finally:
        os.close(inner)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _problem(folder: int, file: FileIn, place: str) -> Problem | None:
    try:
        with _opened(folder, file) as descriptor:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                return Problem(field=f"{place}.name", reason=f"{file.location!r} is no file")
            if file.size is not None and found.st_size != file.size:
                reason = f"{file.location!r} has {found.st_size} bytes, not {file.size}"
                return Problem(field=f"{place}.size", reason=reason)
            digest = _sha256(descriptor)
    except OSError as error:
        return Problem(field=f"{place}.name", reason=f"{file.location!r}: {error.strerror}")
    if file.sha256 is not None and digest != file.sha256:
        reason = f"{file.location!r} has the SHA-256 {digest}, not {file.sha256}"
        return Problem(field=f"{place}.sha256", reason=reason)
    return None


def _sha256(descriptor: int) -> str:
    digest = hashlib.sha256()
    while chunk := os.read(descriptor, CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
