"""Files of a dataset out of the catalogue, which may hold millions of them.

Only a page, or a batch of a longer answer, is in memory. An order that is asked for is made here,
so only of so many files as keep nobody waiting.
"""

from collections.abc import AsyncGenerator, Sequence

import orjson

from portal_gateway.catalogue import Catalogue
from portal_gateway.errors import Refused
from portal_gateway.filters import includes, predicates
from portal_gateway.filters.ast import EVERYTHING, Node, Row, Shape
from portal_gateway.filters.schema import FILE
from portal_gateway.search.pagination import Page

BATCH = 2000
STREAMED = 5000  # files: a longer list is sent while it is read
MOST_ORDERED = 50_000  # files on a page in another order than the default, and before it


class FilePages:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def count(self, pid: str, where: Node) -> int:
        if where == EVERYTHING:
            return await self._catalogue.files_count(pid)
        return sum([len(batch) async for batch in self._satisfying(pid, where)])

    async def page(self, pid: str, where: Node, shape: Shape) -> Page:
        """Without condition or order the database pages; else all are looked at, in batches.

        Of a long list the first files are there, the rest as it is asked for.
        """
        if shape.order:
            files, total = await self._ordered(pid, where, shape)
            return Page(_told(files, shape), total)
        most = min(shape.limit or STREAMED, STREAMED)
        if where == EVERYTHING:
            files = await self._catalogue.files_page({"pid": pid}, shape.skip, most)
            end_seen = len(files) < most and (files or not shape.skip)
            total = shape.skip + len(files) if end_seen else await self._catalogue.files_count(pid)
        else:
            files, total = await self._first(pid, where, shape.skip, most)
        begun = shape.skip + len(files)
        end = total if shape.limit is None else min(total, shape.skip + shape.limit)
        rest = self._rest(pid, where, shape, begun, end) if begun < end else None
        return Page(_told(files, shape), total, rest)

    async def _satisfying(self, pid: str, where: Node, skip: int = 0) -> AsyncGenerator[list[Row]]:
        """All that satisfy it, in the default order, batch by batch; `skip` counts all files."""
        async for batch in self._catalogue.files_in_batches(pid, skip, BATCH):
            if where == EVERYTHING:
                yield batch
            else:
                yield [file for file in batch if predicates.holds(FILE, where, file)]

    async def _first(self, pid: str, where: Node, skip: int, most: int) -> tuple[list[Row], int]:
        """That many after the skipped ones, and how many satisfy it."""
        files: list[Row] = []
        total = 0
        async for batch in self._satisfying(pid, where):
            files += batch[max(0, skip - total) :][: most - len(files)]
            total += len(batch)
        return files, total

    async def _rest(
        self, pid: str, where: Node, shape: Shape, begun: int, end: int
    ) -> AsyncGenerator[list[bytes]]:
        """From there to there; conditions are asked again of those before."""
        seen = begun if where == EVERYTHING else 0
        async for batch in self._satisfying(pid, where, seen):
            yield _told(batch[max(0, begun - seen) : end - seen], shape)
            seen += len(batch)
            if seen >= end:
                return

    async def _ordered(self, pid: str, where: Node, shape: Shape) -> tuple[list[Row], int]:
        """The page in the order asked for: no more are kept than may be on it or before it."""
        most = MOST_ORDERED if shape.limit is None else shape.skip + shape.limit
        if most > MOST_ORDERED:
            raise _unordered()
        kept: list[Row] = []
        total = 0
        async for batch in self._satisfying(pid, where):
            kept += batch
            total += len(batch)
            if shape.limit is None and total > most:
                raise _unordered()
            if len(kept) > 2 * most + BATCH:
                kept = _in_order(kept, shape)[:most]
        return _in_order(kept, shape)[shape.skip : most], total


def _unordered() -> Refused:
    reason = f"No more than {MOST_ORDERED} files are put into another order than their default"
    return Refused(f"{reason}: ask for less, give a condition, or leave the order out")


def _in_order(files: Sequence[Row], shape: Shape) -> list[Row]:
    return [files[i] for i in includes.in_order(files, shape.order, FILE)]


def _told(files: Sequence[Row], shape: Shape) -> list[bytes]:
    return [orjson.dumps(includes.projected(f, shape, FILE)) for f in files]
