"""Asks for the files of a request: those that are on tape are queued, once for all who ask."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from portal_shared.events import DownloadFailed
from portal_shared.mongo import Client, Doc, Session, transaction
from portal_shared.observe import follow, logger
from portal_shared.outbox import Outbox

from portal_downloader import listing
from portal_downloader.places import Places
from portal_downloader.rows import FileRow
from portal_downloader.settings import DownloaderSettings
from portal_downloader.states import ASKABLE, BROKEN, UNDER_WAY
from portal_downloader.stores import Stores
from portal_downloader.waiting import Waiting

log = logger(__name__)

UNKNOWN_AGAIN = 1.0  # seconds between looks for a dataset that is not known yet


class Planning:
    def __init__(
        self,
        settings: DownloaderSettings,
        stores: Stores,
        *,
        client: Client,
        outbox: Outbox,
        places: Places,
    ) -> None:
        self._settings = settings
        self._client = client
        self._outbox = outbox
        self._datasets = stores.datasets
        self._files = stores.files
        self._waiting = Waiting(stores.files)
        self._requests = stores.requests
        self._cache = stores.cache
        self._contents = stores.contents
        self._places = places

    async def step(self) -> bool:
        """Claim a request and plan it; False when there is none."""
        request = await self._requests.claim_unplanned()
        if request is None:
            return False
        follow(request["correlation_id"], request_id=request["_id"])
        dataset = await self._datasets.find(request["pid"])
        if dataset is None or "list_version" not in dataset or "version" not in dataset:
            await self._wait_for_dataset(request)
            return True
        reason = await self._hindrance(request, dataset)
        if reason:
            await self._refuse(request, reason)
            return True
        await self._ask(request)
        await self._requests.planned(request)
        await self._datasets.note_news(request["pid"])
        return True

    async def _wait_for_dataset(self, request: Doc) -> None:
        waited = datetime.now(UTC) - request["requested_at"]
        if waited < timedelta(seconds=self._settings.unknown_seconds):
            await self._requests.look_later(request, UNKNOWN_AGAIN)
        else:
            await self._refuse(request, f"no dataset {request['pid']!r} is known here")

    async def _hindrance(self, request: Doc, dataset: Doc) -> str | None:
        """Why it can never be delivered."""
        if not dataset["is_public"]:
            return f"the dataset {request['pid']!r} is not public"
        locations: Sequence[str] | None = request["locations"]
        states = (*ASKABLE, *UNDER_WAY, *BROKEN, "online")
        there = await self._files.count(request["pid"], locations, states)
        if locations is not None and there < len(locations):
            found = await self._files.select(request["pid"], locations, states)
            absent = listing.missing(locations, {file.location for file in found})
            return f"the dataset has no file {(absent or '')[:200]!r}"
        return None if there else "the dataset has no files to download"

    async def _refuse(self, request: Doc, reason: str) -> None:
        version = request["version"] + 1
        failed = DownloadFailed(
            request_id=request["_id"],
            version=version,
            reason=reason,
            files=request.get("files", 0),
            files_online=0,
            files_failed=request.get("files", 0),
        )
        fields: Doc = {
            "open": False,
            "state": "FAILED",
            "version": version,
            "reason": reason,
            "ended_at": datetime.now(UTC),
        }

        async def work(session: Session) -> None:
            if await self._requests.change(request, fields, session):
                await self._outbox.add(session, [failed])

        await transaction(self._client, work)
        log.info("request refused", reason=reason)

    async def _ask(self, request: Doc) -> None:
        """What nobody has asked for is queued; what is in the cache is online at once."""
        pid, locations = request["pid"], request["locations"]
        now = datetime.now(UTC)
        fields = listing.asked(
            now,
            now + timedelta(seconds=self._settings.deadline_seconds),
            requester=request.get("requester") or "",
            priority=request.get("priority") or 0,
        )
        queued = in_cache = 0
        async for online in self._files.portions(pid, locations, ("online",)):
            digests = [f.sha256 for f in online]
            await self._contents.used(digests, keep=self._settings.keep_seconds)
        async for found in self._files.portions(pid, locations, ASKABLE):
            cached = await asyncio.to_thread(self._in_cache, found)
            empty = {f.id for f in found if f.size == 0} - cached  # no archive has these on tape
            tape = [f for f in found if f.id not in cached | empty]
            await self._waiting.place(await self._places.of([f.path for f in tape]), tape)
            in_cache += await self._files.move_all(
                sorted(cached), {}, ASKABLE, "online", reason=None
            )
            digests = [f.sha256 for f in found if f.id in cached]
            await self._contents.used(digests, keep=self._settings.keep_seconds)
            await self._files.move_all(sorted(empty), {}, ASKABLE, "staged", **fields)
            ids = [f.id for f in tape]
            queued += await self._files.move_all(ids, {}, ASKABLE, "queued", **fields)
        log.info("files asked for", pid=pid, queued=queued, in_cache=in_cache)

    def _in_cache(self, found: list[FileRow]) -> set[str]:
        return {f.id for f in found if self._cache.holds(f.sha256, f.size)}
