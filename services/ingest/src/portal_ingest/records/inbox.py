"""The files a job names, as they lie below the intake root: are they there, and what they claim?

Opened part by part below the root's descriptor, without following links, so that no name leads out.
"""

import hashlib
import os
import re
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from portal_shared.contracts.jobs import DatasetIn, FileIn, Problem
from portal_shared.runtime.errors import Unavailable
from portal_shared.validation.rules import leaves_folder
from pydantic import ValidationError

CHUNK = 1_048_576
LONGEST_LINE = 10_000
MOST_PROBLEMS = 100
MANIFEST_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


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

    def manifest(
        self, dataset: DatasetIn, place: str, problems: list[Problem], *, verify: bool = True
    ) -> Iterator[FileIn]:
        """The files that the dataset's manifest lists, each as it lies there, one at a time.

        What is wrong goes into `problems`, to a limit; blocks: to be called in a thread.
        """
        where = f"{place}.manifest"
        if self._root is None:
            problems.append(Problem(field=where, reason="this portal takes no files in"))
            return
        assert dataset.folder is not None  # noqa: S101  # judged
        assert dataset.manifest is not None  # noqa: S101
        path, _, name = dataset.manifest.rpartition("/")
        try:
            folder = _descend(_root(self._root), dataset.folder.split("/"), close=True)
        except OSError as error:
            reason = f"{dataset.folder!r}: {error.strerror}"
            problems.append(Problem(field=f"{place}.folder", reason=reason))
            return
        try:
            with _opened(folder, FileIn(name=name, path=path or None)) as descriptor:
                lines = os.fdopen(os.dup(descriptor), "rb")
                with lines:
                    yield from _listed(lines, folder, where, problems, verify=verify)
        except OSError as error:
            problems.append(Problem(field=where, reason=f"{dataset.manifest!r}: {error.strerror}"))
        finally:
            os.close(folder)


def _root(root: Path) -> int:
    try:
        return os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise Unavailable(f"intake root: {error}") from error


def _listed(
    lines: IO[bytes], folder: int, where: str, problems: list[Problem], *, verify: bool
) -> Iterator[FileIn]:
    before = ""
    for number, raw in enumerate(iter(lambda: lines.readline(LONGEST_LINE), b""), start=1):
        place = f"{where}[{number}]"
        file = _manifest_line(raw, place)
        problem = file if isinstance(file, Problem) else None
        if isinstance(file, FileIn):
            if file.location <= before:
                reason = f"{file.location!r} is not after {before!r}: sort the lines by their paths"
                problem = Problem(field=place, reason=reason)
            before = file.location
            problem = problem or (_problem(folder, file, place) if verify else None)
        if problem:
            problems.append(problem)
            if len(problems) >= MOST_PROBLEMS:
                return
        elif isinstance(file, FileIn):
            yield _sized(folder, file)


def _manifest_line(raw: bytes, where: str) -> FileIn | Problem:
    """`<sha256>  <location>`, as sha256sum writes it (with * for binary)."""
    try:
        line = raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        return Problem(field=where, reason="is not UTF-8")
    found = MANIFEST_LINE.fullmatch(line)
    if not found:
        reason = "is not `<sha256>  <path>`, as sha256sum writes it"
        return Problem(field=where, reason=reason)
    if reason := leaves_folder(found[2]):
        return Problem(field=where, reason=reason)
    path, _, name = found[2].rpartition("/")
    try:
        return FileIn(name=name, path=path or None, sha256=found[1])
    except ValidationError as error:
        return Problem(field=where, reason=str(error.errors()[0]["msg"]))


def _descend(start: int, parts: list[str], *, close: bool = False) -> int:
    """A descriptor of the folder; the caller closes it. Raises OSError."""
    here = start if close else os.dup(start)
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


def _sized(folder: int, file: FileIn) -> FileIn:
    """With the size of the file as it lies there. Raises OSError."""
    with _opened(folder, file) as descriptor:
        return file.model_copy(update={"size": os.fstat(descriptor).st_size})


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
            after = os.fstat(descriptor)
            if (after.st_size, after.st_mtime_ns) != (found.st_size, found.st_mtime_ns):
                reason = f"{file.location!r} changed while it was read"
                return Problem(field=f"{place}.name", reason=reason)
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
