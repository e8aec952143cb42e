"""Worker: releases contents that stayed online, but are not needed for that any more.

A content is released when no file stays online by it: its dataset was withdrawn, or has another
content at this location now. If it belongs only to withdrawn datasets, it is removed at once;
else it may be evicted like others.
"""

from collections.abc import Sequence

from portal_shared.runtime.logs import logger

from portal_downloader.cache.eviction import CacheSpace
from portal_downloader.store.contents import Content
from portal_downloader.store.stores import Stores

log = logger(__name__)

CONTENTS_PER_STEP = 1000
CHECK_SECONDS = 3600.0  # between checks of all contents; a withdrawal is one more reason


class ResidentCleaner:
    def __init__(self, stores: Stores, space: CacheSpace) -> None:
        self._datasets = stores.datasets
        self._files = stores.files
        self._contents = stores.contents
        self._resident_files = stores.resident_files
        self._space = space

    async def step(self) -> bool:
        """Checks all contents that are never evicted; always returns False."""
        after = ""
        while contents := await self._contents.resident(after, CONTENTS_PER_STEP):
            needed = await self._resident_files.needed([c.sha256 for c in contents])
            if unneeded := [c for c in contents if c.sha256 not in needed]:
                await self._release(unneeded)
            after = contents[-1].sha256
        return False

    async def _release(self, contents: Sequence[Content]) -> None:
        digests = [content.sha256 for content in contents]
        owners = await self._files.pids_by_digest(digests)
        withdrawn = await self._datasets.withdrawn(
            {pid for pids in owners.values() for pid in pids}
        )
        await self._contents.release(digests)
        removed = 0
        for content in contents:
            if owners.get(content.sha256, set()) <= withdrawn:
                removed += await self._space.remove(content)
        log.info("contents need not stay online", released=len(digests), removed=removed)
