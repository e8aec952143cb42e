"""Worker: publishes changes: availability of datasets, progress and end of requests.

Everything is derived from the states of files, so that an event that was not published is published
the next time. A dataset is marked as changed before the marks of its files are cleared.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from portal_shared.contracts.events import (
    DatasetAvailability,
)
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import Client, Session, transaction

from portal_downloader.domain.estimates import Throughput
from portal_downloader.domain.states import Tally, availability_detail, dataset_availability
from portal_downloader.staging.request_events import RequestEvents
from portal_downloader.store.rows.dataset import DatasetRow
from portal_downloader.store.rows.request import RequestRow
from portal_downloader.store.stores import Stores

log = logger(__name__)

DATASETS_PER_STEP = 100
REQUESTS_PER_STEP = 50
REPUBLISH_SECONDS = 15.0  # queue positions change without an event of their own
LARGE_DATASET_FILES = 2000  # aggregating so many files is expensive
SMALL_REQUEST_FILES = 200  # a request for fewer files is published while its dataset rests
REST_FACTOR = 9.0  # pause after an aggregation, in durations of it
MIN_REST_FACTOR = 2.0  # the same, where REST_FACTOR would exceed REPUBLISH_SECONDS
UNWATCHED_PAUSE_FACTOR = 2  # of the pause between steps, while no request is open


class ProgressPublisher:
    """Aggregates file states of changed datasets and publishes what follows."""

    def __init__(
        self,
        stores: Stores,
        *,
        client: Client,
        outbox: Outbox,
        pause: float,
        throughput: Throughput,
        blocked_reason: Callable[[], str | None],
        large_dataset_files: int = LARGE_DATASET_FILES,
    ) -> None:
        """`blocked_reason` returns why no file can arrive now, or None."""
        self._large_dataset_files = large_dataset_files
        self._resting: dict[str, float] = {}  # end of the pause, by pid
        self._client = client
        self._outbox = outbox
        self._datasets = stores.datasets
        self._files = stores.files
        self._requests = stores.requests
        self._pause = pause
        self._request_events = RequestEvents(
            stores,
            client=client,
            outbox=outbox,
            throughput=throughput,
            blocked_reason=blocked_reason,
        )

    async def step(self) -> bool:
        """Publishes all changes, then pauses, so that progress is published in portions."""
        resting = self._resting_pids()
        changed = await self._changed_datasets(besides=len(resting))
        datasets = {pid: row for pid, row in changed.items() if pid not in resting}
        waiting = [pid for pid in changed if pid in resting]
        published = await self._publish_small_requests(waiting)
        if not datasets:
            published = await self._republish_stale() or published
            if changed:
                await asyncio.sleep(self._pause)
            return bool(changed) or published
        started = time.monotonic()
        pids = list(datasets)
        # requests before tallies, so that the tallies include the files of each request
        requests = await self._requests.open_for(pids)
        tallies = await self._files.sums.tallies(pids)
        summed_files = Counter({pid: tally.all_files for pid, tally in tallies.items()})
        for request in requests:
            pid, locations = request.pid, request.locations
            tally = (
                tallies[pid] if locations is None else await self._files.sums.tally(pid, locations)
            )
            summed_files[pid] += len(locations or ())
            await self._replan_or_publish(request, tally)
        partly_queued = {r.pid for r in requests if r.following is not None}
        await self._publish_availability(datasets, tallies, partly_queued)
        self._rest(summed_files, time.monotonic() - started)
        await asyncio.sleep(self._pause if requests else UNWATCHED_PAUSE_FACTOR * self._pause)
        return True

    async def _publish_small_requests(self, pids: Sequence[str]) -> bool:
        """Publishes small requests of datasets whose aggregation is paused."""
        requests = await self._requests.open_for(pids, fewer=SMALL_REQUEST_FILES) if pids else []
        for request in requests:
            tally = await self._files.sums.tally(request.pid, request.locations)
            await self._replan_or_publish(request, tally)
        return bool(requests)

    def _rest(self, summed_files: Mapping[str, int], seconds: float) -> None:
        """Pauses the aggregation of large datasets in proportion to the time it took for each."""
        now, total = time.monotonic(), sum(summed_files.values()) or 1
        for pid, files in summed_files.items():
            if files >= self._large_dataset_files:
                own_seconds = seconds * files / total
                rest = min(
                    REST_FACTOR * own_seconds, max(REPUBLISH_SECONDS, MIN_REST_FACTOR * own_seconds)
                )
                self._resting[pid] = now + rest

    def _resting_pids(self) -> frozenset[str]:
        """Returns the datasets whose aggregation is paused."""
        now = time.monotonic()
        self._resting = {pid: until for pid, until in self._resting.items() if until > now}
        return frozenset(self._resting)

    async def _changed_datasets(self, *, besides: int) -> dict[str, DatasetRow]:
        """Returns changed datasets by pid, so many more than a step handles as are paused."""
        limit = DATASETS_PER_STEP + besides
        rows = {row.pid: row for row in await self._datasets.changed(limit)}
        for pid in (await self._files.changed_pids())[:DATASETS_PER_STEP]:
            row = await self._datasets.mark_changed(pid)
            if row is not None:
                rows[pid] = row
            await self._files.clear_changed(pid)
        return rows

    async def _publish_availability(
        self,
        datasets: Mapping[str, DatasetRow],
        tallies: Mapping[str, Tally],
        partly_queued: Collection[str],
    ) -> None:
        """Publishes changed availabilities in one transaction and clears all marks."""
        changed: list[tuple[DatasetRow, DatasetAvailability]] = []
        unchanged: list[DatasetRow] = []
        for pid, row in datasets.items():
            event = _availability_event(row, tallies[pid], pending=pid in partly_queued)
            if event is None:
                unchanged.append(row)
            else:
                changed.append((row, event))

        async def work(session: Session) -> None:
            events = await self._datasets.store_availability(changed, session)
            await self._outbox.add(session, events)

        if changed:
            await transaction(self._client, work)
        await self._datasets.clear_changed(unchanged)

    async def _republish_stale(self) -> bool:
        """Publishes requests without a recent event: their queue position and time left change."""
        since = datetime.now(UTC) - timedelta(seconds=REPUBLISH_SECONDS)
        requests = await self._requests.stale(
            since, REQUESTS_PER_STEP, besides=self._resting_pids()
        )
        for request in requests:
            if request.pid in self._resting_pids():  # paused by the request before
                continue
            started = time.monotonic()
            tally = await self._files.sums.tally(request.pid, request.locations)
            await self._replan_or_publish(request, tally, republish=True)
            self._rest({request.pid: tally.all_files}, time.monotonic() - started)
        return bool(requests)

    async def _replan_or_publish(
        self, request: RequestRow, tally: Tally, *, republish: bool = False
    ) -> None:
        """Publishes a request, or plans it again if files of it were archived or replaced."""
        if tally.count("archived") and request.following is None:
            await self._requests.replan({"_id": request.id})
        else:
            await self._request_events.publish(request, tally, republish=republish)


def _availability_event(
    dataset: DatasetRow, tally: Tally, *, pending: bool
) -> DatasetAvailability | None:
    """Returns the event for a dataset, or None if its availability was published already."""
    found = dataset_availability(tally, pending=pending)
    if dataset.list_version is None:
        return None
    detail = availability_detail(found, tally)
    known = dataset.availability, dataset.availability_detail, dataset.files
    if (found, detail, tally.all_files) == known:
        return None
    return DatasetAvailability(
        pid=dataset.pid,
        availability=found,
        files=tally.all_files,
        files_online=tally.count("online"),
        version=(dataset.availability_version or 0) + 1,
        detail=detail,
    )
