"""Aggregations over files: how many files and bytes are in each state."""

from collections.abc import Sequence

from portal_shared.runtime.mongo import Collection, Doc, translate_errors

from portal_downloader.domain.states import State, Tally
from portal_downloader.store.rows.file import selection_filters

_SUMS: Doc = {"files": {"$sum": 1}, "bytes": {"$sum": "$size"}}


class FileSums:
    """Counts rows of files by state."""

    def __init__(self, rows: Collection) -> None:
        self._rows = rows

    async def tallies(self, pids: Sequence[str]) -> dict[str, Tally]:
        """Returns the tally of each of these datasets."""
        found: dict[str, tuple[dict[str, int], dict[str, int]]] = {p: ({}, {}) for p in pids}
        group: Doc = {"_id": {"pid": "$pid", "state": "$state"}, **_SUMS}
        which: Doc = {"pid": {"$in": list(pids)}}
        with translate_errors():
            async for row in self._rows.aggregate([{"$match": which}, {"$group": group}]):
                files, sizes = found[row["_id"]["pid"]]
                files[row["_id"]["state"]] = row["files"]
                sizes[row["_id"]["state"]] = row["bytes"]
        return {pid: Tally(*sums) for pid, sums in found.items()}

    async def tally(self, pid: str, locations: Sequence[str] | None) -> Tally:
        """Returns the tally of a selection."""
        files: dict[str, int] = {}
        sizes: dict[str, int] = {}
        for which in selection_filters(pid, locations):
            group: Doc = {"_id": "$state", **_SUMS}
            with translate_errors():
                async for row in self._rows.aggregate([{"$match": which}, {"$group": group}]):
                    files[row["_id"]] = files.get(row["_id"], 0) + row["files"]
                    sizes[row["_id"]] = sizes.get(row["_id"], 0) + row["bytes"]
        return Tally(files, sizes)

    async def folder_tally(self, pid: str, folder: str) -> Tally:
        """Returns the tally of all files below a folder, whose name ends with a slash.

        An empty name is the whole dataset.
        """
        which: Doc = {"pid": pid}
        if folder:
            which["location"] = {"$gt": folder, "$lt": f"{folder}\U0010ffff"}
        files: dict[str, int] = {}
        sizes: dict[str, int] = {}
        steps: list[Doc] = [{"$match": which}, {"$group": {"_id": "$state", **_SUMS}}]
        with translate_errors():
            async for row in self._rows.aggregate(steps):
                files[row["_id"]], sizes[row["_id"]] = row["files"], row["bytes"]
        return Tally(files, sizes)

    async def count(
        self, pid: str, locations: Sequence[str] | None, states: Sequence[State]
    ) -> int:
        """Counts the files of a selection in these states."""
        found = 0
        for which in selection_filters(pid, locations):
            with translate_errors():
                found += await self._rows.count_documents({**which, "state": {"$in": list(states)}})
        return found

    async def counts(self) -> dict[str, int]:
        """Counts files by state; reads all rows."""
        found: dict[str, int] = {}
        with translate_errors():
            async for row in self._rows.aggregate(
                [{"$group": {"_id": "$state", "n": {"$sum": 1}}}]
            ):
                found[row["_id"]] = row["n"]
        return found
