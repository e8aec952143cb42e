"""The list of files of a dataset: as the job gives it, as a manifest in its folder, or as it was.

A manifest may be long: it is read line by line, never kept whole, and said part by part.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from portal_shared.contracts.events import FILES_PER_PART, DatasetFilesListed
from portal_shared.contracts.jobs import DatasetIn, FileIn, Problem
from portal_shared.contracts.records import Dataset, File, FileSummary, files_digest
from portal_shared.runtime.errors import Unavailable

from portal_ingest.domain.mapping import listing, media_type
from portal_ingest.icat.mapping import FileEntry, LogicalFiles, file_entries
from portal_ingest.records.inbox import Intake
from portal_ingest.store.records import Registry


@dataclass(frozen=True)
class Listed:
    """Files that were found as they are claimed."""

    summary: FileSummary
    files: Sequence[FileIn] = ()
    given: DatasetIn | None = None  # whose manifest is to be read again
    grouped: LogicalFiles | None = None  # of a manifest
    problems: tuple[Problem, ...] = ()
    kept: bool = False  # the job says nothing of files: they stay

    def logical(self, folder: str | None) -> tuple[FileEntry, ...]:
        """As ICAT is to list them."""
        return self.grouped.entries() if self.grouped else file_entries(folder, self.files)


class Listing:
    def __init__(self, registry: Registry, intake: Intake) -> None:
        self._registry = registry
        self._intake = intake

    async def read(self, given: DatasetIn, place: str, *, keep: Dataset | None) -> Listed:
        """Check every file; what is wrong with them is in the result."""
        silent = given.folder is None and not given.files and given.manifest is None
        if silent and keep and keep.files.count:
            return Listed(keep.files, kept=True)
        if given.manifest is not None:
            return await asyncio.to_thread(self._manifest, given, place)
        problems = await asyncio.to_thread(self._intake.problems, given, place)
        known = [f.size for f in given.files if f.size is not None]
        digest = files_digest(list(given.files))
        summary = FileSummary(
            count=len(given.files),
            bytes=sum(known),
            digest=digest,
            formats=tuple(dict.fromkeys(map(media_type, given.files))),
        )
        return Listed(summary, given.files, problems=tuple(problems))

    def _manifest(self, given: DatasetIn, place: str) -> Listed:
        problems: list[Problem] = []
        summing = _Summing()
        grouped = LogicalFiles(f"{given.folder}/")
        for file in self._intake.manifest(given, place, problems):
            summing.add(file)
            grouped.add(file)
        return Listed(summing.summary(), given=given, grouped=grouped, problems=tuple(problems))

    async def parts(
        self, record: Dataset, listed: Listed, version: int
    ) -> Sequence[DatasetFilesListed]:
        """What goes into the record's transaction; a manifest has been said by then.

        Its parts are of a version that nobody has yet: said twice, they are the same.
        """
        if listed.kept:
            return ()
        if listed.given is None:
            return listing(record, listed.files, version)
        files = self._intake.manifest(listed.given, "", [], verify=False)
        count = max(1, -(-listed.summary.count // FILES_PER_PART))
        summing = _Summing()
        for number in range(count):
            chunk = await asyncio.to_thread(_taken, files, summing)
            await self._registry.say_part(_part(record, version, number, count, chunk))
        if summing.summary() != listed.summary or next(files, None) is not None:
            raise Unavailable(f"the manifest of {record.pid} changed while it was read")
        await self._registry.drop_parts(record.pid, count)
        return ()


def _taken(files: Iterator[FileIn], summing: "_Summing") -> list[FileIn]:
    chunk = list(islice(files, FILES_PER_PART))
    for file in chunk:
        summing.add(file)
    return chunk


def _part(
    record: Dataset, version: int, number: int, count: int, files: Iterable[FileIn]
) -> DatasetFilesListed:
    return DatasetFilesListed(
        pid=record.pid,
        version=version,
        digest=record.files.digest,
        folder=record.folder,
        part=number,
        parts=count,
        files=tuple(File.model_validate(f.model_dump()) for f in files),
    )


class _Summing:
    """model.files_digest over files that come in order."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._count = self._bytes = 0
        self._formats: dict[str, None] = {}

    def add(self, file: FileIn) -> None:
        self._digest.update(f"{file.location}\t{file.size}\t{file.sha256}\n".encode())
        self._count += 1
        self._bytes += file.size or 0
        self._formats[media_type(file)] = None

    def summary(self) -> FileSummary:
        return FileSummary(
            count=self._count,
            bytes=self._bytes,
            digest=self._digest.hexdigest(),
            formats=tuple(self._formats),
        )
