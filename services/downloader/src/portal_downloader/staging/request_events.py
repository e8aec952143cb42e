"""Publishes the progress and the end of one request, with estimates of the time left."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from portal_shared.contracts.events import (
    DownloadFailed,
    DownloadProgressed,
    DownloadReady,
    Event,
)
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime.mongo import Client, Doc, Session, transaction
from portal_shared.runtime.telemetry.origin import resume

from portal_downloader.domain.estimates import Extent, Throughput, seconds_left
from portal_downloader.domain.states import BROKEN, Tally, request_state
from portal_downloader.metrics import DOWNLOADS, ESTIMATE_RATIO
from portal_downloader.store.rows.request import RequestRow
from portal_downloader.store.stores import Stores

# these alone do not cause an event
ESTIMATED_FIELDS = ("place", "seconds_left", "waits_for")


class RequestEvents:
    """Derives events from the tally of a request and stores them with the request."""

    def __init__(
        self,
        stores: Stores,
        *,
        client: Client,
        outbox: Outbox,
        throughput: Throughput,
        blocked_reason: Callable[[], str | None],
    ) -> None:
        """`blocked_reason` returns why no file can arrive now, or None."""
        self._files = stores.files
        self._requests = stores.requests
        self._client = client
        self._outbox = outbox
        self._throughput = throughput
        self._blocked_reason = blocked_reason

    async def publish(self, request: RequestRow, tally: Tally, *, republish: bool = False) -> None:
        """Publishes the progress of a request if it changed, and its end."""
        progressed = DownloadProgressed(
            request_id=request.id,
            version=request.version + 1,
            state=request_state(tally, unfinished=request.following is not None),
            files=tally.all_files,
            files_online=tally.count("online"),
            files_failed=tally.count(*BROKEN),
            files_expired=tally.count("expired"),
            bytes=tally.all_bytes,
            bytes_online=tally.bytes_online,
        )
        published = progressed.model_dump(exclude={"request_id", "version", *ESTIMATED_FIELDS})
        if republish or published != request.progress:
            with resume(request.origin, "publish progress", request_id=request.id):
                await self._publish(request, progressed, published)

    async def _publish(
        self, request: RequestRow, progressed: DownloadProgressed, published: Doc
    ) -> None:
        version, now = progressed.version, datetime.now(UTC)
        fields: Doc = {**published, "version": version, "told_at": now}
        if progressed.files_online and request.first_at is None:
            first = {"files": progressed.files_online, "bytes": progressed.bytes_online}
            fields |= {"first_at": now, "first": first}
        estimates = await self._estimates(request, progressed)
        progressed = progressed.model_copy(update=estimates)
        if request.estimate is None and progressed.seconds_left:
            fields["estimate"] = {"at": now, "seconds": progressed.seconds_left}
        events: list[Event] = [progressed]
        if progressed.state in ("ONLINE", "FAILED"):
            fields |= {"open": False, "version": version + 1, "ended_at": now}
            if progressed.state == "FAILED":
                fields["reason"] = await self._failure_reason(request, progressed)
            events.append(_end_event(progressed, fields.get("reason")))

        async def work(session: Session) -> bool:
            is_newest = await self._requests.update(request, fields, session)
            if is_newest:
                await self._outbox.add(session, events)
            return is_newest

        if await transaction(self._client, work) and "ended_at" in fields:
            _count_end(request, progressed.state, now)

    async def _estimates(self, request: RequestRow, progress: DownloadProgressed) -> dict[str, Any]:
        """Returns queue position, seconds left and what blocks the request."""
        if progress.state in ("ONLINE", "FAILED"):
            return {"place": None, "seconds_left": 0.0, "waits_for": None}
        left = Extent(
            progress.files - progress.files_online - progress.files_failed,
            max(0, progress.bytes - progress.bytes_online),
        )
        since, arrived = None, Extent(0, 0)
        if request.first is not None and request.first_at is not None:
            since = (datetime.now(UTC) - request.first_at).total_seconds()
            arrived = Extent(
                progress.files_online - request.first.files,
                progress.bytes_online - request.first.bytes,
            )
        ahead = Extent(0, 0)
        if not progress.files_online:
            ahead = await self._requests.extent_ahead(request)
        all_left = await self._requests.extent_left() if arrived.files else left
        seconds = seconds_left(
            left=left,
            arrived=arrived,
            since=since,
            ahead=ahead,
            everything=all_left,
            throughput=self._throughput,
            now=time.monotonic(),
        )
        place = await self._requests.queue_position(request) if not progress.files_online else None
        return {
            "place": place,
            "seconds_left": None if seconds is None else round(seconds, 1),
            "waits_for": self._blocked_reason(),
        }

    async def _failure_reason(self, request: RequestRow, progressed: DownloadProgressed) -> str:
        """Returns how many files failed, and the first one with its reason."""
        broken = await self._files.first_broken(request.pid, request.locations)
        if broken is None:
            return "the dataset has no such files any more"
        text = f"{progressed.files_failed} of {progressed.files} files failed"
        if progressed.files_expired:
            text += f", {progressed.files_expired} of these expired"
        return f"{text}; {broken.location}: {broken.reason}"


def _count_end(request: RequestRow, state: str, now: datetime) -> None:
    """Counts the end of a request, and how its first estimate compares with the truth."""
    DOWNLOADS.labels("ready" if state == "ONLINE" else "failed").inc()
    if state == "ONLINE" and request.estimate is not None:
        seconds = (now - request.estimate.at).total_seconds()
        ESTIMATE_RATIO.observe(seconds / request.estimate.seconds)


def _end_event(progressed: DownloadProgressed, reason: str | None) -> Event:
    """Returns the final event of a request."""
    if reason is None:
        return DownloadReady(
            request_id=progressed.request_id,
            version=progressed.version + 1,
            files=progressed.files,
            bytes=progressed.bytes,
        )
    return DownloadFailed(
        request_id=progressed.request_id,
        version=progressed.version + 1,
        reason=reason,
        files=progressed.files,
        files_online=progressed.files_online,
        files_failed=progressed.files_failed,
        files_expired=progressed.files_expired,
    )
