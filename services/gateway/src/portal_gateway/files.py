"""Files of a dataset, page by page out of the catalogue."""

import orjson

from portal_gateway.catalogue import Catalogue
from portal_gateway.filters import holding, joining
from portal_gateway.filters.entities import FILE
from portal_gateway.filters.tree import EVERYTHING, Node, Row, Shape
from portal_gateway.listing import Page

BATCH = 2000


class FilePages:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def count(self, pid: str, where: Node) -> int:
        if where == EVERYTHING:
            return await self._catalogue.files_count(pid)
        return (await self._walk(pid, where, 0, 0))[1]

    async def page(self, pid: str, where: Node, shape: Shape) -> Page:
        """Without condition or order the database pages; else all are looked at, in batches."""
        which = {"pid": pid}
        if shape.order:
            found, total = await self._walk(pid, where, 0, None)
            order = joining.in_order(found, shape.order, FILE)
            found = [found[i] for i in order][shape.skip :][: shape.limit]
        elif where == EVERYTHING:
            found = await self._catalogue.files_page(which, shape.skip, shape.limit)
            last = shape.limit is None or len(found) < shape.limit
            known = last and (found or not shape.skip)  # the end was seen
            total = shape.skip + len(found) if known else await self._catalogue.files_count(pid)
        else:
            found, total = await self._walk(pid, where, shape.skip, shape.limit)
        return Page([orjson.dumps(joining.projected(f, shape, FILE)) for f in found], total)

    async def _walk(
        self, pid: str, where: Node, skip: int, limit: int | None
    ) -> tuple[list[Row], int]:
        """The page of those that satisfy it, and how many there are."""
        found: list[Row] = []
        total, read = 0, 0
        while batch := await self._catalogue.files_page({"pid": pid}, read, BATCH):
            for file in batch:
                if holding.holds(FILE, where, file):
                    if total >= skip and (limit is None or len(found) < limit):
                        found.append(file)
                    total += 1
            read += len(batch)
            if len(batch) < BATCH:
                break
        return found, total
