"""Checks the files of a job below the intake root: whether they exist and are as described.

Folders are opened one by one below the descriptor of the root, without following links, so that no
path leads out of it.
"""

import hashlib
import os
import re
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from portal_shared.contracts.jobs import DatasetIn, FileIn, Problem
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.safe_open import folder_below, open_file, open_folder
from portal_shared.validation.file_names import is_damaged_if_empty, name_problem
from portal_shared.validation.file_rules import EMPTY
from pydantic import ValidationError

CHUNK_BYTES = 1_048_576
MAX_LINE_BYTES = 10_000  # of a manifest
MAX_PROBLEMS = 100  # of a manifest
MANIFEST_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
DISABLED = "file ingestion is disabled in this portal: no intake folder is configured"


class Inbox:
    def __init__(self, root: Path | None) -> None:
        self._root = root

    def problems(self, dataset: DatasetIn, place: str) -> list[Problem]:
        """Reads all files of a dataset and returns what is wrong. Blocks: call it in a thread."""
        if dataset.folder is None:
            return []
        if self._root is None:
            return [Problem(field=f"{place}.folder", reason=DISABLED)]
        try:
            folder = _open_below(self._root, dataset.folder)
        except OSError as error:
            return [_folder_problem(dataset.folder, place, error)]
        try:
            return [
                problem
                for n, file in enumerate(dataset.files)
                if (problem := _file_problem(folder, file, f"{place}.files[{n}]"))
            ]
        finally:
            os.close(folder)

    def sizes(self, dataset: DatasetIn) -> dict[str, int | None]:
        """Returns the bytes of the files by location: those of the job, else those on disk.

        None: unknown. Blocks: call it in a thread.
        """
        found = {file.location: file.size for file in dataset.files}
        unknown = [file for file in dataset.files if file.size is None]
        if not unknown or dataset.folder is None or self._root is None:
            return found
        with suppress(OSError):  # removed since its files were checked
            folder = _open_below(self._root, dataset.folder)
            try:
                found.update((file.location, _with_size(folder, file).size) for file in unknown)
            finally:
                os.close(folder)
        return found

    def manifest(
        self, dataset: DatasetIn, place: str, problems: list[Problem], *, verify: bool = True
    ) -> Iterator[FileIn]:
        """Yields the files of the dataset's manifest one by one, with their sizes on disk.

        Appends to `problems` what is wrong, up to `MAX_PROBLEMS`. Blocks: call it in a thread.
        """
        field = f"{place}.manifest"
        if self._root is None:
            problems.append(Problem(field=field, reason=DISABLED))
            return
        assert dataset.folder is not None  # noqa: S101  # validated
        assert dataset.manifest is not None  # noqa: S101  # validated
        path, _, name = dataset.manifest.rpartition("/")
        try:
            folder = _open_below(self._root, dataset.folder)
        except OSError as error:
            problems.append(_folder_problem(dataset.folder, place, error))
            return
        try:
            with _open_file(folder, FileIn(name=name, path=path or None)) as descriptor:
                lines = os.fdopen(os.dup(descriptor), "rb")
                with lines:
                    yield from _read_manifest(lines, folder, field, problems, verify=verify)
        except OSError as error:
            reason = f"cannot read {dataset.manifest!r}: {error.strerror}"
            problems.append(Problem(field=field, reason=reason))
        finally:
            os.close(folder)


def _folder_problem(folder: str, place: str, error: OSError) -> Problem:
    reason = f"cannot open {folder!r} below the intake folder: {error.strerror}"
    return Problem(field=f"{place}.folder", reason=reason)


def _read_manifest(
    lines: IO[bytes], folder: int, field: str, problems: list[Problem], *, verify: bool
) -> Iterator[FileIn]:
    before = ""
    for number, raw in enumerate(iter(lambda: lines.readline(MAX_LINE_BYTES), b""), start=1):
        place = f"{field}[{number}]"
        file = _parse_line(raw, place)
        problem = file if isinstance(file, Problem) else None
        if isinstance(file, FileIn):
            if file.location <= before:
                reason = f"{file.location!r} comes after {before!r}; sort the lines by path"
                problem = Problem(field=place, reason=reason)
            before = file.location
            problem = problem or (_file_problem(folder, file, place) if verify else None)
        if problem:
            problems.append(problem)
            if len(problems) >= MAX_PROBLEMS:
                return
        elif isinstance(file, FileIn):
            yield _with_size(folder, file)


def _parse_line(raw: bytes, field: str) -> FileIn | Problem:
    """Parses `<sha256>  <location>`, as sha256sum writes it (with * for binary)."""
    try:
        line = raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        return Problem(field=field, reason="the line is not UTF-8")
    found = MANIFEST_LINE.fullmatch(line)
    if not found:
        reason = "the line is not of the form `<sha256>  <path>`, which sha256sum writes"
        return Problem(field=field, reason=reason)
    if reason := name_problem(found[2]):
        return Problem(field=field, reason=f"{found[2]!r}: {reason}")
    path, _, name = found[2].rpartition("/")
    try:
        return FileIn(name=name, path=path or None, sha256=found[1])
    except ValidationError as error:
        return Problem(field=field, reason=str(error.errors()[0]["msg"]))


def _open_below(root: Path, folder: str) -> int:
    """Opens a folder; the caller closes it. Raises Unavailable for the root, OSError below it."""
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise Unavailable(f"cannot open the intake folder: {error}") from error
    try:
        return open_folder(descriptor, folder.split("/"))
    finally:
        os.close(descriptor)


@contextmanager
def _open_file(folder: int, file: FileIn) -> Generator[int]:
    with folder_below(folder, file.path.split("/") if file.path else []) as inner:
        descriptor = open_file(inner, file.name)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _with_size(folder: int, file: FileIn) -> FileIn:
    """Returns the file with its size on disk. Raises OSError."""
    with _open_file(folder, file) as descriptor:
        return file.model_copy(update={"size": os.fstat(descriptor).st_size})


def _file_problem(folder: int, file: FileIn, place: str) -> Problem | None:
    try:
        with _open_file(folder, file) as descriptor:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                return Problem(
                    field=f"{place}.name", reason=f"{file.location!r} is not a regular file"
                )
            if reason := _size_problem(file, found.st_size):
                return Problem(field=f"{place}.size", reason=f"{file.location!r} {reason}")
            digest = _sha256(descriptor)
            after = os.fstat(descriptor)
            if (after.st_size, after.st_mtime_ns) != (found.st_size, found.st_mtime_ns):
                reason = f"{file.location!r} changed while it was read"
                return Problem(field=f"{place}.name", reason=reason)
    except OSError as error:
        reason = f"cannot read {file.location!r}: {error.strerror}"
        return Problem(field=f"{place}.name", reason=reason)
    if file.sha256 is not None and digest != file.sha256:
        reason = f"{file.location!r} has the SHA-256 {digest}, but the job says {file.sha256}"
        return Problem(field=f"{place}.sha256", reason=reason)
    return None


def _size_problem(file: FileIn, size: int) -> str | None:
    if file.size is not None and size != file.size:
        return f"has {size} bytes, but the job says {file.size}"
    return EMPTY if size == 0 and is_damaged_if_empty(file.location) else None


def _sha256(descriptor: int) -> str:
    digest = hashlib.sha256()
    while chunk := os.read(descriptor, CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()
