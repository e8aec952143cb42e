"""Pages of the files of a dataset, which can have millions of files.

Only one page, or one batch of a longer answer, is in memory. A requested order is sorted here, so
the number of sorted files is limited.
"""

from collections.abc import AsyncGenerator, Sequence

import orjson

from portal_gateway.catalogue import Catalogue
from portal_gateway.errors import BadRequest
from portal_gateway.filters import includes, predicates
from portal_gateway.filters.ast import EVERYTHING, Node, PageOptions, Row
from portal_gateway.filters.schema import FILE
from portal_gateway.search.pagination import Page

BATCH_SIZE = 2000
MAX_BUFFERED_FILES = 5000  # a longer list is sent while it is read
MAX_SORTED_FILES = 50_000  # up to the end of the page, if the order is not the default


class FilePages:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def count(self, pid: str, where: Node) -> int:
        if where == EVERYTHING:
            return await self._catalogue.count_files(pid)
        return sum([len(batch) async for batch in self._satisfying(pid, where)])

    async def load_page(self, pid: str, where: Node, paging: PageOptions) -> Page:
        """Loads a page. Without condition and order, the database pages; else all files are read.

        Of a long list the first files are loaded; `more` yields the others.
        """
        if paging.order:
            files, total = await self._load_sorted(pid, where, paging)
            return Page(_serialize(files, paging), total)
        limit = min(paging.limit or MAX_BUFFERED_FILES, MAX_BUFFERED_FILES)
        if where == EVERYTHING:
            files = await self._catalogue.load_files_page({"pid": pid}, paging.skip, limit)
            end_seen = len(files) < limit and (files or not paging.skip)
            total = paging.skip + len(files) if end_seen else await self._catalogue.count_files(pid)
        else:
            files, total = await self._load_first(pid, where, paging.skip, limit)
        start = paging.skip + len(files)
        end = total if paging.limit is None else min(total, paging.skip + paging.limit)
        rest = self._read_rest(pid, where, paging, start, end) if start < end else None
        return Page(_serialize(files, paging), total, rest)

    async def _satisfying(self, pid: str, where: Node, skip: int = 0) -> AsyncGenerator[list[Row]]:
        """Yields matching files in batches, in the default order; `skip` counts all files."""
        async for batch in self._catalogue.read_files_in_batches(pid, skip, BATCH_SIZE):
            if where == EVERYTHING:
                yield batch
            else:
                yield [file for file in batch if predicates.satisfies(FILE, where, file)]

    async def _load_first(
        self, pid: str, where: Node, skip: int, limit: int
    ) -> tuple[list[Row], int]:
        """Loads matching files of a page, and counts all matching files."""
        files: list[Row] = []
        total = 0
        async for batch in self._satisfying(pid, where):
            files += batch[max(0, skip - total) :][: limit - len(files)]
            total += len(batch)
        return files, total

    async def _read_rest(
        self, pid: str, where: Node, paging: PageOptions, start: int, end: int
    ) -> AsyncGenerator[list[bytes]]:
        """Yields files from start to end. With a condition, it reads again from the first file."""
        seen = start if where == EVERYTHING else 0
        async for batch in self._satisfying(pid, where, seen):
            yield _serialize(batch[max(0, start - seen) : end - seen], paging)
            seen += len(batch)
            if seen >= end:
                return

    async def _load_sorted(
        self, pid: str, where: Node, paging: PageOptions
    ) -> tuple[list[Row], int]:
        """Sorts the files of the page; only files up to the end of the page stay in memory."""
        end = MAX_SORTED_FILES if paging.limit is None else paging.skip + paging.limit
        if end > MAX_SORTED_FILES:
            raise _too_many_to_sort()
        best: list[Row] = []
        total = 0
        async for batch in self._satisfying(pid, where):
            best += batch
            total += len(batch)
            if paging.limit is None and total > end:
                raise _too_many_to_sort()
            if len(best) > 2 * end + BATCH_SIZE:
                best = _sort(best, paging)[:end]
        return _sort(best, paging)[paging.skip : end], total


def _too_many_to_sort() -> BadRequest:
    return BadRequest(
        f"At most {MAX_SORTED_FILES} files can be sorted by a requested order: "
        "use a smaller limit, add a condition, or leave the order out"
    )


def _sort(files: Sequence[Row], paging: PageOptions) -> list[Row]:
    return [files[i] for i in includes.sort_positions(files, paging.order, FILE)]


def _serialize(files: Sequence[Row], paging: PageOptions) -> list[bytes]:
    return [orjson.dumps(includes.project(f, paging, FILE)) for f in files]
