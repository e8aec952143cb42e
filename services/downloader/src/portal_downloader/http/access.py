"""What can be read, and whether it may be."""

import asyncio
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from typing import Any

from portal_shared.contracts.records import Availability
from portal_shared.runtime.errors import Gone, NotFound, Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import Doc

from portal_downloader.cache.eviction import Room
from portal_downloader.domain.file_rows import LONG_AGO
from portal_downloader.domain.states import shown
from portal_downloader.http.segments import Stored
from portal_downloader.store.stores import Stores

NOTED_AGAIN = 60.0  # seconds until the same is noted as wanted once more
AT_ONCE = 1000
RENEWALS = 3  # within the time that what is read is kept

log = logger(__name__)


class Store:
    def __init__(
        self,
        site_url: str,
        stores: Stores,
        room: Room,
        *,
        read_seconds: float,
    ) -> None:
        self.site_url = site_url
        self._datasets = stores.datasets
        self._files = stores.files
        self._requests = stores.requests
        self._contents = stores.contents
        self._cache = stores.cache
        self._room = room
        self._read_seconds = read_seconds
        self._noted: dict[str, float] = {}
        self._noting: set[asyncio.Task[None]] = set()

    async def dataset(self, pid: str) -> Doc:
        """Raises NotFound for one that is not there, or not for everybody; Gone if withdrawn."""
        row = await self._datasets.find(pid)
        if row is not None and row.get("withdrawn"):
            raise Gone(f"the dataset {pid!r} was withdrawn: {row['withdrawn']}")
        if row is None or not row.get("is_public") or "list_version" not in row:
            raise NotFound(f"no public dataset {pid!r}")
        row["listed_at"] = row.get("listed_at") or row.get("created") or LONG_AGO
        return row

    async def has(self, pid: str, location: str) -> bool:
        """Whether there is a file of this name, be it for everybody or not."""
        return await self._files.find(pid, location) is not None

    async def file(self, pid: str, location: str) -> Doc:
        await self.dataset(pid)
        row = await self._files.find(pid, location)
        if row is None:
            raise NotFound(f"the dataset {pid!r} has no file {location!r}")
        return row

    async def is_here(self, row: Doc) -> bool:
        """Whether a file can be read now; notes it if it is there no more."""
        if row["state"] != "online":
            return False
        if await asyncio.to_thread(self._cache.holds, row["sha256"], row["size"]):
            await self.wanted([row["sha256"]])
            return True
        await self._files.move({"_id": row["_id"]}, ("online",), "archived")
        await self._contents.forget(row["sha256"])
        row["state"] = "archived"
        return False

    async def shown(self, pid: str, rows: Sequence[Doc]) -> list[Availability]:
        """The states of these files of a dataset in their readers' words."""
        found: list[Availability] = [shown(row["state"]) for row in rows]
        away = [r["location"] for r, s in zip(rows, found, strict=True) if s == "ARCHIVED"]
        awaited = await self._requests.awaited(pid, away) if away else set[str]()
        return [
            "RESTORING" if state == "ARCHIVED" and row["location"] in awaited else state
            for state, row in zip(found, rows, strict=True)
        ]

    async def wanted(self, digests: Collection[str], *, tag: str = "") -> None:
        """They are kept for a while longer; said to the database now and then only.

        `tag` stands for all of them: what is wanted again is not looked through again.
        """
        now = asyncio.get_running_loop().time()
        if self._noted.get(tag, 0.0) > now:
            return
        if tag:
            self._noted[tag] = now + NOTED_AGAIN
        new = [d for d in digests if self._noted.get(d, 0.0) <= now]
        if not new:
            return
        if len(self._noted) > 1_000_000:  # noqa: PLR2004
            self._noted.clear()
        self._noted.update(dict.fromkeys(new, now + NOTED_AGAIN))
        if len(new) == 1:
            await self._contents.used(new, keep=self._read_seconds)
            return
        task = asyncio.create_task(self._note(new))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _note(self, digests: list[str]) -> None:
        for start in range(0, len(digests), AT_ONCE):
            await self._contents.used(digests[start : start + AT_ONCE], keep=self._read_seconds)

    def opened(self, stored: Stored) -> int | None:
        """A descriptor to read from; blocking."""
        return self._cache.open(stored.sha256, stored.size)

    def place(self, stored: Stored) -> str:
        """Below the folder of the cache's objects: for a server that sends it for us."""
        return self._cache.place_name(stored.sha256)

    @contextmanager
    def reading(self, digests: Collection[str]) -> Generator[None]:
        """They stay while they are read, here and as all replicas see it."""
        read = frozenset(digests)
        renewing = asyncio.create_task(self._renew(read))
        try:
            with self._room.reading(read):
                yield
        finally:
            renewing.cancel()

    async def _renew(self, digests: frozenset[str]) -> None:
        """What is read for long is kept for longer."""
        while True:
            await asyncio.sleep(self._read_seconds / RENEWALS)
            try:
                await self._note(list(digests))
            except Unavailable as error:  # the next renewal may succeed
                log.warning("not kept for longer", files=len(digests), reason=str(error))

    def ask(self, wish: dict[str, Any]) -> dict[str, Any]:
        """How to ask for what is on tape."""
        return {"method": "POST", "href": f"{self.site_url}/api/downloads", "body": wish}
