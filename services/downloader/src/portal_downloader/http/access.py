"""Read access to files: whether they are public and online, and their content."""

import asyncio
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from portal_shared.contracts.records import Availability
from portal_shared.runtime.errors import Gone, NotFound, Unavailable
from portal_shared.runtime.logs import logger

from portal_downloader.cache.disk import Cache
from portal_downloader.cache.eviction import CacheSpace
from portal_downloader.domain.states import file_availability
from portal_downloader.http.segments import StoredContent
from portal_downloader.store.rows.dataset import DatasetRow
from portal_downloader.store.rows.file import FileRow, ListedFile
from portal_downloader.store.stores import Stores

TOUCH_INTERVAL_SECONDS = 60.0  # between recorded uses of the same content
DIGESTS_PER_UPDATE = 1000
RENEWALS_PER_PERIOD = 3  # of the protection of contents that are being read

log = logger(__name__)


class FilesOffline(Exception):
    """Some of the files that a response needs are not online."""

    def __init__(self, rows: Sequence[ListedFile], files: int) -> None:
        super().__init__(f"{len(rows)} of {files} files are not online")
        self.rows = rows  # the offline files
        self.files = files  # how many are needed


class FileAccess:
    """Looks up datasets and files for readers, and protects contents while they are read."""

    def __init__(
        self,
        site_url: str,
        stores: Stores,
        cache: Cache,
        space: CacheSpace,
        *,
        read_seconds: float,
    ) -> None:
        self.site_url = site_url
        self._datasets = stores.datasets
        self._files = stores.files
        self._requests = stores.requests
        self._contents = stores.contents
        self._resident_files = stores.resident_files
        self._cache = cache
        self._space = space
        self._read_seconds = read_seconds
        self._touch_after: dict[str, float] = {}
        self._touch_tasks: set[asyncio.Task[None]] = set()

    async def dataset(self, pid: str) -> DatasetRow:
        """Returns a public dataset. Raises NotFound, or Gone if it was withdrawn."""
        found = await self._datasets.find(pid)
        if found is not None and (reason := found.withdrawal_reason):
            raise Gone(f"the dataset {pid!r} was withdrawn: {reason}")
        if found is None or not found.is_public or found.list_version is None:
            raise NotFound(f"no public dataset {pid!r}")
        return found

    async def exists(self, pid: str, location: str) -> bool:
        """Returns whether the dataset has a file at this location, public or not."""
        return await self._files.find(pid, location) is not None

    async def file(self, pid: str, location: str) -> FileRow:
        """Returns a file of a public dataset. Raises NotFound, Gone."""
        await self.dataset(pid)
        row = await self._files.find(pid, location)
        if row is None:
            raise NotFound(f"the dataset {pid!r} has no file {location!r}")
        return row

    async def checked(self, file: FileRow) -> FileRow:
        """Returns the file; if it is online but has disappeared from the cache, as archived."""
        if not file.is_online:
            return file
        if await asyncio.to_thread(self._cache.contains, file.sha256, file.size):
            await self.mark_used([file.sha256])
            return file
        await self._files.move({"_id": file.id}, ("online",), "archived")
        await self._contents.remove(file.sha256)
        await self._resident_files.copy_again([file.sha256])
        return replace(file, state="archived")

    async def missing(self, contents: Mapping[str, StoredContent]) -> list[str]:
        """Returns the names of those of these contents that are not in the cache."""
        return await asyncio.to_thread(self._missing, contents)

    def _missing(self, contents: Mapping[str, StoredContent]) -> list[str]:
        return [
            name
            for name, stored in contents.items()
            if not stored.sha256 or not self._cache.contains(stored.sha256, stored.size)
        ]

    async def availabilities(self, pid: str, files: Sequence[ListedFile]) -> list[Availability]:
        """Returns the public availability of each of these files of a dataset."""
        found: list[Availability] = [file_availability(file.state) for file in files]
        archived = [f.location for f, s in zip(files, found, strict=True) if s == "ARCHIVED"]
        pending = await self._requests.still_to_queue(pid, archived) if archived else set[str]()
        return [
            "RESTORING" if state == "ARCHIVED" and file.location in pending else state
            for state, file in zip(found, files, strict=True)
        ]

    async def mark_used(self, digests: Collection[str], *, tag: str = "") -> None:
        """Records a use of these contents, at most once in TOUCH_INTERVAL_SECONDS.

        `tag` identifies a set of contents: a set recorded recently is not compared again.
        """
        now = asyncio.get_running_loop().time()
        if self._touch_after.get(tag, 0.0) > now:
            return
        if tag:
            self._touch_after[tag] = now + TOUCH_INTERVAL_SECONDS
        new = [d for d in digests if self._touch_after.get(d, 0.0) <= now]
        if not new:
            return
        if len(self._touch_after) > 1_000_000:  # noqa: PLR2004
            self._touch_after.clear()
        self._touch_after.update(dict.fromkeys(new, now + TOUCH_INTERVAL_SECONDS))
        if len(new) == 1:
            await self._contents.touch(new, keep=self._read_seconds)
            return
        task = asyncio.create_task(self._touch(new))
        self._touch_tasks.add(task)
        task.add_done_callback(self._touch_tasks.discard)

    async def _touch(self, digests: list[str]) -> None:
        for start in range(0, len(digests), DIGESTS_PER_UPDATE):
            await self._contents.touch(
                digests[start : start + DIGESTS_PER_UPDATE], keep=self._read_seconds
            )

    def open_content(self, stored: StoredContent) -> int | None:
        """Opens a content for reading; None if it has left the cache. Blocking."""
        return self._cache.open(stored.sha256, stored.size)

    def object_path(self, stored: StoredContent) -> str:
        """Returns the path of a content below the cache's objects, for a proxy that sends it."""
        return self._cache.object_name(stored.sha256)

    @contextmanager
    def protect(self, digests: Collection[str]) -> Generator[None]:
        """Prevents the eviction of these contents while they are read, by all replicas."""
        protected = frozenset(digests)
        renewal = asyncio.create_task(self._renew(protected))
        try:
            with self._space.protect(protected):
                yield
        finally:
            renewal.cancel()

    async def _renew(self, digests: frozenset[str]) -> None:
        """Renews the protection of contents that are read for a long time."""
        while True:
            await asyncio.sleep(self._read_seconds / RENEWALS_PER_PERIOD)
            try:
                await self._touch(list(digests))
            except Unavailable as error:  # the next renewal may succeed
                log.warning("protection not renewed", files=len(digests), reason=str(error))

    def request_hint(self, body: dict[str, Any]) -> dict[str, Any]:
        """Returns how to request files that are on tape."""
        return {"method": "POST", "href": f"{self.site_url}/api/downloads", "body": body}
