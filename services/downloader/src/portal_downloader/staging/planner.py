"""Worker: plans download requests: checks whether they can be delivered, and queues their files.

The first portion is queued at once, so that a small request is planned in one step. The rest of a
large request follows while its requester has fewer files in the queue than allowed: neither the
cost of planning nor the length of the queue grows with the request.
"""

import time
from datetime import UTC, datetime, timedelta

from portal_shared.contracts.events import DownloadFailed
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import Client, Doc, Session, transaction
from portal_shared.runtime.telemetry.origin import resume

from portal_downloader.archives.tape_locations import TapeLocator
from portal_downloader.cache.disk import Cache
from portal_downloader.domain import file_rows
from portal_downloader.domain.states import BROKEN, PENDING, REQUESTABLE
from portal_downloader.settings import DownloaderSettings
from portal_downloader.staging.queue import FROM_START, Enqueuer
from portal_downloader.store.rows.dataset import DatasetRow
from portal_downloader.store.rows.request import RequestRow
from portal_downloader.store.stores import Stores

log = logger(__name__)

UNKNOWN_RETRY_SECONDS = 1.0  # between checks for a dataset that is not known yet
FULL_RETRY_SECONDS = 1.0  # between checks whether a requester may queue more files
CHECK_COST_FACTOR = 10  # but at least so many times the duration of the check


class Planner:
    """Plans requests, and refuses those that cannot be delivered."""

    def __init__(
        self,
        settings: DownloaderSettings,
        stores: Stores,
        *,
        cache: Cache,
        client: Client,
        outbox: Outbox,
        locator: TapeLocator,
    ) -> None:
        self._settings = settings
        self._client = client
        self._outbox = outbox
        self._datasets = stores.datasets
        self._files = stores.files
        self._requests = stores.requests
        self._enqueuer = Enqueuer(settings, stores, cache, locator)

    async def step(self) -> bool:
        """Plans a request, else queues more files of one; returns False when there is none."""
        request = await self._requests.claim_unplanned()
        if request is not None:
            with resume(request.origin, "plan download", request_id=request.id):
                await self._plan(request)
            return True
        request = await self._requests.claim_partly_queued()
        if request is not None:
            with resume(request.origin, "queue files", request_id=request.id):
                await self._queue_more(request)
            return True
        return False

    async def _plan(self, request: RequestRow) -> None:
        """Queues the first files of a request, refuses it, or waits for its dataset."""
        dataset = await self._datasets.find(request.pid)
        if dataset is None or dataset.list_version is None or dataset.version is None:
            await self._wait_for_dataset(request)
            return
        reason = _access_refusal(dataset) or await self._undeliverable_reason(request, dataset)
        if reason:
            await self._refuse(request, reason)
            return
        following = await self._enqueuer.enqueue_portion(request, FROM_START)
        await self._requests.mark_planned(request, following)
        await self._datasets.mark_changed(request.pid)

    async def _queue_more(self, request: RequestRow) -> None:
        """Queues the next files of a request, if its requester may have more in the queue.

        The request is refused if the dataset is closed meanwhile, or after the deadline.
        """
        seconds = self._settings.deadline_seconds
        dataset = await self._datasets.find(request.pid)
        if dataset is not None and (reason := _access_refusal(dataset)):
            await self._refuse(request, reason)
            return
        if datetime.now(UTC) > request.requested_at + timedelta(seconds=seconds):
            reason = f"not all files could be queued within {seconds:.0f} s"
            await self._refuse(request, reason, expired=True)
            return
        started = time.monotonic()
        if await self._enqueuer.has_capacity(request):
            following = await self._enqueuer.enqueue_portion(
                request, request.following or FROM_START
            )
            await self._requests.save_position(request, following)
            if following is None:  # it may be complete without a transition of any file
                await self._datasets.mark_changed(request.pid)
        else:
            pause = max(FULL_RETRY_SECONDS, CHECK_COST_FACTOR * (time.monotonic() - started))
            await self._requests.postpone(request, pause)

    async def _wait_for_dataset(self, request: RequestRow) -> None:
        """Postpones a request for an unknown dataset; refuses it after a while."""
        waited = datetime.now(UTC) - request.requested_at
        if waited < timedelta(seconds=self._settings.unknown_seconds):
            await self._requests.postpone(request, UNKNOWN_RETRY_SECONDS)
        else:
            await self._refuse(request, f"the dataset {request.pid!r} is unknown")

    async def _undeliverable_reason(self, request: RequestRow, dataset: DatasetRow) -> str | None:
        """Returns why the request can never be delivered, or None."""
        pid, locations = request.pid, request.locations
        if locations is None:
            listed = dataset.files or await self._files.has_files(pid)
            return None if listed else "the dataset has no files to download"
        states = (*REQUESTABLE, *PENDING, *BROKEN, "online")
        if await self._files.sums.count(pid, locations, states) < len(locations):
            found = await self._files.select(pid, locations, states)
            missing = file_rows.first_missing(locations, {file.location for file in found})
            return f"the dataset has no file {(missing or '')[:200]!r}"
        return None

    async def _refuse(self, request: RequestRow, reason: str, *, expired: bool = False) -> None:
        """Closes the request as failed and publishes that."""
        version = request.version + 1
        files, online, expired_files = await self._outcome_counts(request, expired=expired)
        failed = DownloadFailed(
            request_id=request.id,
            version=version,
            reason=reason,
            files=files,
            files_online=online,
            files_failed=files - online,
            files_expired=expired_files,
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
            if await self._requests.update(request, fields, session):
                await self._outbox.add(session, [failed])

        await transaction(self._client, work)
        log.info("request refused", reason=reason)

    async def _outcome_counts(self, request: RequestRow, *, expired: bool) -> tuple[int, int, int]:
        """Returns the numbers of all files, of those online, and of those that expired."""
        if not expired:
            return request.progress.get("files", 0), request.progress.get("files_online", 0), 0
        tally = await self._files.sums.tally(request.pid, request.locations)
        ended = tally.count("online", "failed", "lost", "unverifiable")  # ended otherwise
        return tally.all_files, tally.count("online"), tally.all_files - ended


def _access_refusal(dataset: DatasetRow) -> str | None:
    """Returns why the files of a dataset are not available to the public, or None."""
    if reason := dataset.withdrawal_reason:
        return f"the dataset {dataset.pid!r} was withdrawn: {reason}"
    return None if dataset.is_public else f"the dataset {dataset.pid!r} is not public"
