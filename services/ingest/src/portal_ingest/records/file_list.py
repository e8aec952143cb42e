"""Reads the list of files of a dataset: from the job, from a manifest, or the registered one.

A manifest may be long: it is read line by line and published part by part, never loaded whole.
"""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from portal_shared.contracts.events import FILES_PER_PART, DatasetFilesListed
from portal_shared.contracts.jobs import DatasetIn, FileIn, Problem
from portal_shared.contracts.records import Dataset, FileSummary, files_digest
from portal_shared.runtime.errors import Unavailable
from portal_shared.validation.file_names import (
    empty_file_warnings,
    name_warnings,
    system_file_warnings,
)

from portal_ingest.domain.mapping import file_format, file_list_part, file_list_parts
from portal_ingest.icat.mapping import FileEntry, LogicalFiles, file_entries
from portal_ingest.records.inbox import Inbox
from portal_ingest.store.file_lists import FileListStore

SYSTEM_FILE = "would be published with the data: leave it out of the job"


@dataclass(frozen=True)
class FileList:
    """The files of a dataset, after a check that each is as described, and their problems."""

    summary: FileSummary
    files: Sequence[FileIn] = ()
    manifest_of: DatasetIn | None = None  # whose manifest is read a second time to publish it
    logical: LogicalFiles | None = None  # of a manifest
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()  # of suspicious names, and of empty files
    unchanged: bool = False  # the job has no files: the registered ones stay

    def icat_entries(self, folder: str | None) -> tuple[FileEntry, ...]:
        """Returns the files in the form of ICAT."""
        return self.logical.entries() if self.logical else file_entries(folder, self.files)


class FileListReader:
    def __init__(self, store: FileListStore, inbox: Inbox) -> None:
        self._store = store
        self._inbox = inbox

    async def read(self, given: DatasetIn, place: str, *, current: Dataset | None) -> FileList:
        """Reads and checks every file; `current` is the registered dataset."""
        without_files = given.folder is None and not given.files and given.manifest is None
        if without_files and current and current.files.count:
            return FileList(current.files, unchanged=True)
        if given.manifest is not None:
            return await asyncio.to_thread(self._read_manifest, given, place)
        if without_files:
            return FileList(FileSummary(count=0, bytes=0, digest=files_digest([]), formats=()))
        problems = await asyncio.to_thread(self._inbox.problems, given, place)
        summary = FileSummary(
            count=len(given.files),
            bytes=sum(f.size for f in given.files if f.size is not None),
            digest=files_digest(list(given.files)),
            formats=tuple(dict.fromkeys(map(file_format, given.files))),
        )
        if problems:
            return FileList(summary, given.files, problems=tuple(problems))
        sizes = await asyncio.to_thread(self._inbox.sizes, given)
        return FileList(summary, given.files, warnings=_warnings(sizes, place))

    def _read_manifest(self, given: DatasetIn, place: str) -> FileList:
        problems: list[Problem] = []
        summary = _SummaryBuilder()
        logical = LogicalFiles(f"{given.folder}/")
        sizes: dict[str, int | None] = {}
        for file in self._inbox.manifest(given, place, problems):
            summary.add(file)
            logical.add(file)
            sizes[file.location] = file.size
        return FileList(
            summary.build(),
            manifest_of=given,
            logical=logical,
            problems=tuple(problems),
            warnings=_warnings(sizes, place),
        )

    async def parts(
        self, record: Dataset, files: FileList, version: int
    ) -> Sequence[DatasetFilesListed]:
        """Returns the parts to store with the record.

        The parts of a manifest are stored and published here instead. They are of a version that
        is not stored yet, so publishing them twice has no effect.
        """
        if files.unchanged:
            return ()
        if files.manifest_of is None:
            return file_list_parts(record, files.files, version)
        lines = self._inbox.manifest(files.manifest_of, "", [], verify=False)
        count = max(1, -(-files.summary.count // FILES_PER_PART))
        summary = _SummaryBuilder()
        for number in range(count):
            chunk = await asyncio.to_thread(_next_chunk, lines, summary)
            part = file_list_part(record, version, number, count, chunk)
            await self._store.publish_part(part)
        if summary.build() != files.summary or next(lines, None) is not None:
            raise Unavailable(f"the manifest of {record.pid} changed while it was read")
        await self._store.drop_after(record.pid, count)
        return ()


def _warnings(sizes: Mapping[str, int | None], place: str) -> tuple[Problem, ...]:
    """Returns warnings of files of operating systems, empty files, and names elsewhere."""
    found = [
        *system_file_warnings(sizes, SYSTEM_FILE),
        *name_warnings(sizes),
        *empty_file_warnings(sizes),
    ]
    return tuple(
        Problem(field=f"{place}.files", reason=f"{one.field!r} {one.reason}") for one in found
    )


def _next_chunk(files: Iterator[FileIn], summary: "_SummaryBuilder") -> list[FileIn]:
    chunk = list(islice(files, FILES_PER_PART))
    for file in chunk:
        summary.add(file)
    return chunk


class _SummaryBuilder:
    """Sums up files one at a time; the digest is that of contracts.records.files_digest."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._count = self._bytes = 0
        self._formats: dict[str, None] = {}

    def add(self, file: FileIn) -> None:
        self._digest.update(f"{file.location}\t{file.size}\t{file.sha256}\n".encode())
        self._count += 1
        self._bytes += file.size or 0
        self._formats[file_format(file)] = None

    def build(self) -> FileSummary:
        return FileSummary(
            count=self._count,
            bytes=self._bytes,
            digest=self._digest.hexdigest(),
            formats=tuple(self._formats),
        )
