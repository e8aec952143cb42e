"""Repository of files that stay online by the rule of their profile: `online_rule` in their rows.

It is `copy` from the moment the file is listed until its content is in the cache and protected for
ever; then it is `resident`. So an interrupted copy is found again, by any replica.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from portal_shared.runtime.mongo import ASCENDING, Doc, UpdateOne, translate_errors

from portal_downloader.domain.file_rows import RESIDENT, TO_COPY
from portal_downloader.store.files import Files
from portal_downloader.store.rows.file import FileRow

IDS_PER_UPDATE = 100


class ResidentFiles:
    def __init__(self, files: Files) -> None:
        self._rows = files.rows

    async def prepare(self) -> None:
        """Creates the index."""
        with translate_errors():
            order = [("online_rule", ASCENDING), ("copy_at", ASCENDING)]
            await self._rows.create_index(order, sparse=True)

    async def to_copy(self, limit: int) -> list[FileRow]:
        """Returns files that are to be copied now."""
        which: Doc = {"online_rule": TO_COPY, "copy_at": {"$lte": datetime.now(UTC)}}
        with translate_errors():
            return [FileRow.from_row(row) async for row in self._rows.find(which).limit(limit)]

    async def mark_resident(self, files: Sequence[FileRow]) -> None:
        """Stores that these files are in the cache for ever, unless their lists have changed."""
        writes: list[Any] = [
            UpdateOne(
                {"_id": file.id, "sha256": file.sha256, "online_rule": TO_COPY},
                {"$set": {"online_rule": RESIDENT}},
            )
            for file in files
        ]
        with translate_errors():
            rows: Any = self._rows  # bulk_write is typed only in part
            await rows.bulk_write(writes, ordered=False)

    async def postpone(self, ids: Sequence[str], seconds: float) -> None:
        """Stores that these files are looked at again after a while."""
        copy_at = datetime.now(UTC) + timedelta(seconds=seconds)
        await self._update({"_id": {"$in": list(ids)}, "online_rule": TO_COPY}, copy_at)

    async def copy_again(self, digests: Sequence[str]) -> None:
        """Stores that these contents have to be copied again, where files of them stay online."""
        for start in range(0, len(digests), IDS_PER_UPDATE):
            portion = list(digests[start : start + IDS_PER_UPDATE])
            which: Doc = {"sha256": {"$in": portion}, "online_rule": RESIDENT}
            await self._update(which, datetime.now(UTC))

    async def _update(self, which: Doc, copy_at: datetime) -> None:
        change = {"$set": {"online_rule": TO_COPY, "copy_at": copy_at}}
        with translate_errors():
            await self._rows.update_many(which, change)

    async def release(self, pids: Sequence[str]) -> None:
        """Stores that no file of these datasets needs to stay online."""
        which: Doc = {"pid": {"$in": list(pids)}, "online_rule": {"$in": [TO_COPY, RESIDENT]}}
        with translate_errors():
            await self._rows.update_many(which, {"$unset": {"online_rule": "", "copy_at": ""}})

    async def needed(self, digests: Sequence[str]) -> set[str]:
        """Returns those of these contents by which a file stays online."""
        which: Doc = {
            "sha256": {"$in": list(digests)}, "online_rule": {"$in": [TO_COPY, RESIDENT]},
        }  # fmt: skip
        with translate_errors():
            rows = self._rows.find(which, {"sha256": 1})
            return {row["sha256"] async for row in rows}

    async def counts(self) -> dict[str, int]:
        """Returns how many files are resident, and how many are still to be copied."""
        found: dict[str, Any] = {}
        for name, rule in (("files", RESIDENT), ("files_to_copy", TO_COPY)):
            with translate_errors():
                found[name] = int(await self._rows.count_documents({"online_rule": rule}))
        return found
