"""Which staged file is copied next: each by one worker, whoever else is at work.

Candidates are looked up many at a time and claimed one by one, by their ids: to look for one among
all that are staged, whenever one is claimed, costs the more the more there are. They are forgotten
after a while: copies may take long, and what was asked for first may be staged meanwhile.
"""

import asyncio
import time
import uuid
from collections import deque
from datetime import UTC, datetime, timedelta

from portal_shared.runtime.mongo import ASCENDING, Doc, translate_errors

from portal_downloader.store.files import FileRow, Files

CANDIDATES = 500  # looked up at once
KNOWN_SECONDS = 2.0  # so long they are good, at least
LOOK_COST = 20  # times as long as the look took, if that is more


class Claiming:
    def __init__(self, files: Files, lease: float) -> None:
        self._rows = files.rows
        self._lease = timedelta(seconds=lease)
        self._ids: deque[str] = deque()
        self._good_until = 0.0
        self._looking = asyncio.Lock()
        self._looks = 0

    async def next(self) -> FileRow | None:
        """One to copy, ours until the lease ends; the owner is in the row. None: there is none."""
        while True:
            if not self._ids or time.monotonic() > self._good_until:
                await self._look()
            if not self._ids:
                return None
            claimed = await self._claim(self._ids.popleft())
            if claimed is not None:
                return claimed

    async def _look(self) -> None:
        """For those that may be claimed, unless another worker here just did."""
        looks = self._looks
        async with self._looking:
            if self._looks > looks:
                return
            began = time.monotonic()
            which: Doc = {"state": "staged", **_free()}
            with translate_errors():
                rows = self._rows.find(which, {"_id": 1})
                rows = rows.sort([("not_before", ASCENDING), ("path", ASCENDING)])
                self._ids = deque([row["_id"] async for row in rows.limit(CANDIDATES)])
            self._looks += 1
            now = time.monotonic()
            self._good_until = now + max(KNOWN_SECONDS, LOOK_COST * (now - began))

    async def _claim(self, file: str) -> FileRow | None:
        """None where it is another's by now, or not staged any more."""
        owner, until = uuid.uuid4().hex, datetime.now(UTC) + self._lease
        which: Doc = {"_id": file, "state": "staged", **_free()}
        with translate_errors():
            result = await self._rows.update_one(which, {"$set": {"owner": owner, "until": until}})
            if not result.matched_count:
                return None
            row = await self._rows.find_one({"_id": file, "owner": owner})
        return FileRow.of(row) if row else None


def _free() -> Doc:
    """Due, and nobody's."""
    now = datetime.now(UTC)
    return {"not_before": {"$lte": now}, "until": {"$lte": now}}
