"""Plans requests: whether they can be delivered, and which of their files are queued when.

The first portion is queued at once, so that a small request is planned whole. What more a large one
asks for follows while its reader has less in the queue than he may: what planning costs, and how
much waits in the queue, does not grow with it.
"""

import time
from datetime import UTC, datetime, timedelta

from portal_shared.contracts.events import DownloadFailed
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime.logs import bind_correlation_id, logger
from portal_shared.runtime.mongo import Client, Doc, Session, transaction

from portal_downloader.archives.tape_locations import Places
from portal_downloader.domain import file_rows
from portal_downloader.domain.states import ASKABLE, BROKEN, UNDER_WAY
from portal_downloader.settings import DownloaderSettings
from portal_downloader.staging.queue import AFTER_NONE, Queueing
from portal_downloader.store.stores import Stores

log = logger(__name__)

UNKNOWN_AGAIN = 1.0  # seconds between looks for a dataset that is not known yet
FULL_AGAIN = 1.0  # seconds between looks whether a reader may have more in the queue
LOOK_COST = 10  # times as long as such a look took, at least


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
        self._requests = stores.requests
        self._queueing = Queueing(settings, stores, places)

    async def step(self) -> bool:
        """Plan a request, else queue more of one; False when there is none."""
        request = await self._requests.claim_unplanned()
        if request is not None:
            bind_correlation_id(request["correlation_id"], request_id=request["_id"])
            await self._plan(request)
            return True
        request = await self._requests.claim_unfinished()
        if request is not None:
            bind_correlation_id(request["correlation_id"], request_id=request["_id"])
            await self._go_on(request)
            return True
        return False

    async def _plan(self, request: Doc) -> None:
        dataset = await self._datasets.find(request["pid"])
        if dataset is None or "list_version" not in dataset or "version" not in dataset:
            await self._wait_for_dataset(request)
            return
        reason = _closed(dataset) or await self._hindrance(request, dataset)
        if reason:
            await self._refuse(request, reason)
            return
        following = await self._queueing.portion(request, AFTER_NONE)
        await self._requests.planned(request, following)
        await self._datasets.note_news(request["pid"])

    async def _go_on(self, request: Doc) -> None:
        """Once more when there is room for more; not for ever, nor what nobody may have."""
        seconds = self._settings.deadline_seconds
        dataset = await self._datasets.find(request["pid"])
        if dataset is not None and (reason := _closed(dataset)):
            await self._refuse(request, reason)
            return
        if datetime.now(UTC) > request["requested_at"] + timedelta(seconds=seconds):
            reason = f"not all of it could be asked for {seconds:.0f} s after it was requested"
            await self._refuse(request, reason, expired=True)
            return
        began = time.monotonic()
        if await self._queueing.has_room(request):
            following = await self._queueing.portion(request, request["next"])
            await self._requests.queued_up_to(request, following)
            if following is None:  # it may end now, and have moved no file
                await self._datasets.note_news(request["pid"])
        else:
            pause = max(FULL_AGAIN, LOOK_COST * (time.monotonic() - began))
            await self._requests.look_later(request, pause)

    async def _wait_for_dataset(self, request: Doc) -> None:
        waited = datetime.now(UTC) - request["requested_at"]
        if waited < timedelta(seconds=self._settings.unknown_seconds):
            await self._requests.look_later(request, UNKNOWN_AGAIN)
        else:
            await self._refuse(request, f"no dataset {request['pid']!r} is known here")

    async def _hindrance(self, request: Doc, dataset: Doc) -> str | None:
        """Why it can never be delivered."""
        pid, locations = request["pid"], request["locations"]
        if locations is None:
            listed = dataset.get("files") or await self._files.any(pid)
            return None if listed else "the dataset has no files to download"
        states = (*ASKABLE, *UNDER_WAY, *BROKEN, "online")
        if await self._files.count(pid, locations, states) < len(locations):
            found = await self._files.select(pid, locations, states)
            absent = file_rows.missing(locations, {file.location for file in found})
            return f"the dataset has no file {(absent or '')[:200]!r}"
        return None

    async def _refuse(self, request: Doc, reason: str, *, expired: bool = False) -> None:
        version = request["version"] + 1
        files, online, late = await self._left(request, expired=expired)
        failed = DownloadFailed(
            request_id=request["_id"],
            version=version,
            reason=reason,
            files=files,
            files_online=online,
            files_failed=files - online,
            files_expired=late,
        )
        fields: Doc = {
            "open": False,
            "state": "FAILED",
            "version": version,
            "reason": reason,
            "ended_at": datetime.now(UTC),
            "let_go": False,
        }

        async def work(session: Session) -> None:
            if await self._requests.change(request, fields, session):
                await self._outbox.add(session, [failed])

        await transaction(self._client, work)
        log.info("request refused", reason=reason)

    async def _left(self, request: Doc, *, expired: bool) -> tuple[int, int, int]:
        """Its files, those online, and those of which that it is too late is the reason."""
        if not expired:
            return request.get("files", 0), request.get("files_online", 0), 0
        tally = await self._files.tally(request["pid"], request["locations"])
        ended = tally.count("online", "failed", "lost", "unverifiable")  # otherwise, before
        return tally.all_files, tally.count("online"), tally.all_files - ended


def _closed(dataset: Doc) -> str | None:
    """Why nobody may have its files."""
    if dataset.get("withdrawn"):
        return f"the dataset {dataset['_id']!r} was withdrawn: {dataset['withdrawn']}"
    return None if dataset["is_public"] else f"the dataset {dataset['_id']!r} is not public"
