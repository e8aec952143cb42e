"""Tells what changed: availability of datasets, progress and end of requests.

All of it is derived from the states of files, so that a word that was not said is said the next
time. A dataset is noted as having news before its files' marks are wiped.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from portal_shared.contracts.events import (
    DatasetAvailability,
    DownloadFailed,
    DownloadProgressed,
    DownloadReady,
    Event,
)
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime.logs import bind_correlation_id, logger
from portal_shared.runtime.mongo import Client, Doc, Session, transaction

from portal_downloader.domain.estimates import Extent, Pace, seconds_left
from portal_downloader.domain.states import BROKEN, Tally, availability, request_state
from portal_downloader.store.stores import Stores

log = logger(__name__)

DATASETS_AT_ONCE = 100
REQUESTS_AT_ONCE = 50
UNTOLD_SECONDS = 15.0
MANY = 2000  # files of a dataset: sums over so many are dear
FEW = 200  # files of a request: it does not wait for such sums
RESTS = 9.0  # times as long as these took, where that is not long
LEAST_RESTS = 2.0  # where it is
UNWATCHED = 2  # times the pause where nobody waits for files
GUESSED = ("place", "seconds_left", "waits_for")  # said with what is new, no news by themselves


class Telling:
    def __init__(
        self,
        stores: Stores,
        *,
        client: Client,
        outbox: Outbox,
        pause: float,
        pace: Pace,
        held_up: Callable[[], str | None],
        many: int = MANY,
    ) -> None:
        """`held_up` says why no file can come, or None."""
        self._held_up = held_up
        self._many = many
        self._resting: dict[str, float] = {}  # until when, by pid
        self._client = client
        self._outbox = outbox
        self._datasets = stores.datasets
        self._files = stores.files
        self._requests = stores.requests
        self._pause = pause
        self._pace = pace

    async def step(self) -> bool:
        """All that is new; then nothing for a while, so that progress comes in portions."""
        resting = self._at_rest()
        news = await self._with_news(besides=len(resting))
        datasets = {pid: row for pid, row in news.items() if pid not in resting}
        waiting = [pid for pid in news if pid in resting]
        told = await self._tell_few(waiting)
        if not datasets:
            told = await self._tell_untold() or told
            if news:
                await asyncio.sleep(self._pause)
            return bool(news) or told
        started = time.monotonic()
        pids = list(datasets)
        requests = await self._requests.open_of(pids)  # first: what it asked for is in the tallies
        tallies = await self._files.tallies(pids)
        summed = Counter({pid: tally.all_files for pid, tally in tallies.items()})
        for request in requests:
            pid, locations = request["pid"], request["locations"]
            tally = tallies[pid] if locations is None else await self._files.tally(pid, locations)
            summed[pid] += len(locations or ())
            await self._plan_again_or_tell(request, tally)
        awaited = {r["pid"] for r in requests if "next" in r}
        await self._tell_availability(datasets, tallies, awaited)
        self._rest(summed, time.monotonic() - started)
        await asyncio.sleep(self._pause if requests else UNWATCHED * self._pause)
        return True

    async def _tell_few(self, pids: Sequence[str]) -> bool:
        """Requests for few files hear of these though sums over their datasets rest."""
        requests = await self._requests.open_of(pids, fewer=FEW) if pids else []
        for request in requests:
            tally = await self._files.tally(request["pid"], request["locations"])
            await self._plan_again_or_tell(request, tally)
        return bool(requests)

    def _rest(self, summed: Mapping[str, int], seconds: float) -> None:
        """For longer the longer it took, each for its own part: small ones wait for none."""
        now, whole = time.monotonic(), sum(summed.values()) or 1
        for pid, files in summed.items():
            if files >= self._many:
                took = seconds * files / whole
                rest = min(RESTS * took, max(UNTOLD_SECONDS, LEAST_RESTS * took))
                self._resting[pid] = now + rest

    def _at_rest(self) -> frozenset[str]:
        """Those that are told of later, for what it cost the last time."""
        now = time.monotonic()
        self._resting = {pid: until for pid, until in self._resting.items() if until > now}
        return frozenset(self._resting)

    async def _with_news(self, *, besides: int) -> dict[str, Doc]:
        """Datasets by pid, so many more than are told at once; what comes after is news again."""
        most = DATASETS_AT_ONCE + besides
        rows = {row["_id"]: row for row in await self._datasets.with_news(most)}
        for pid in (await self._files.pids_with_news())[:DATASETS_AT_ONCE]:
            row = await self._datasets.note_news(pid)
            if row is not None:
                rows[pid] = row
            await self._files.news_seen(pid)
        return rows

    async def _tell_availability(
        self, datasets: Mapping[str, Doc], tallies: Mapping[str, Tally], awaited: Collection[str]
    ) -> None:
        """All that changed, in one transaction; and that the news is told."""
        changed: list[tuple[Doc, DatasetAvailability]] = []
        same: list[Doc] = []
        for pid, row in datasets.items():
            event = _availability(row, tallies[pid], awaited=pid in awaited)
            if event is None:
                same.append(row)
            else:
                changed.append((row, event))

        async def work(session: Session) -> None:
            said = await self._datasets.available(changed, session)
            await self._outbox.add(session, said)

        if changed:
            await transaction(self._client, work)
        await self._datasets.news_told(same)

    async def _tell_untold(self) -> bool:
        """Those that have waited long: their place has changed, and what is left."""
        since = datetime.now(UTC) - timedelta(seconds=UNTOLD_SECONDS)
        waiting = await self._requests.untold(since, REQUESTS_AT_ONCE, besides=self._at_rest())
        for request in waiting:
            if request["pid"] in self._at_rest():  # since the one before
                continue
            started = time.monotonic()
            tally = await self._files.tally(request["pid"], request["locations"])
            await self._plan_again_or_tell(request, tally, again=True)
            self._rest({request["pid"]: tally.all_files}, time.monotonic() - started)
        return bool(waiting)

    async def _plan_again_or_tell(self, request: Doc, tally: Tally, *, again: bool = False) -> None:
        """What is on tape and not still to be queued was given up, or is of a newer list."""
        if tally.count("archived") and "next" not in request:
            await self._requests.plan_again({"_id": request["_id"]})
        else:
            await self._tell_request(request, tally, again=again)

    async def _tell_request(self, request: Doc, tally: Tally, *, again: bool = False) -> None:
        """What is new of it; or what is, where it was not told for long."""
        bind_correlation_id(request["correlation_id"], request_id=request["_id"])
        version = request["version"] + 1
        progressed = DownloadProgressed(
            request_id=request["_id"],
            version=version,
            state=request_state(tally, unfinished="next" in request),
            files=tally.all_files,
            files_online=tally.count("online"),
            files_failed=tally.count(*BROKEN),
            files_expired=tally.count("expired"),
            bytes=tally.all_bytes,
            bytes_online=tally.bytes_online,
        )
        told = progressed.model_dump(exclude={"request_id", "version", *GUESSED})
        if not again and told == {name: request.get(name) for name in told}:
            return
        now = datetime.now(UTC)
        fields: Doc = {**told, "version": version, "told_at": now}
        if progressed.files_online and not request.get("first_at"):
            came = {"files": progressed.files_online, "bytes": progressed.bytes_online}
            fields |= {"first_at": now, "first": came}
        guessed = await self._guessed(request, progressed)
        progressed = progressed.model_copy(update=guessed)
        events: list[Event] = [progressed]
        if progressed.state in ("ONLINE", "FAILED"):
            fields |= {"open": False, "version": version + 1, "ended_at": now}
            if progressed.state == "FAILED":
                fields["reason"] = await self._reason(request, progressed)
            events.append(_end(progressed, fields.get("reason")))

        async def work(session: Session) -> None:
            if await self._requests.change(request, fields, session):
                await self._outbox.add(session, events)

        await transaction(self._client, work)

    async def _guessed(self, request: Doc, told: DownloadProgressed) -> dict[str, Any]:
        """Its place in the queue, how long it may take, and what holds it up."""
        if told.state in ("ONLINE", "FAILED"):
            return {"place": None, "seconds_left": 0.0, "waits_for": None}
        left = Extent(
            told.files - told.files_online - told.files_failed,
            max(0, told.bytes - told.bytes_online),
        )
        first, since, came = request.get("first"), None, Extent(0, 0)
        if first is not None:
            since = (datetime.now(UTC) - request["first_at"]).total_seconds()
            came = Extent(told.files_online - first["files"], told.bytes_online - first["bytes"])
        ahead = Extent(0, 0)
        if not told.files_online:
            ahead = await self._requests.ahead(request)
        everything = await self._requests.left() if came.files else left
        seconds = seconds_left(
            left=left,
            came=came,
            since=since,
            ahead=ahead,
            everything=everything,
            pace=self._pace,
            now=time.monotonic(),
        )
        place = await self._requests.place(request) if not told.files_online else None
        return {
            "place": place,
            "seconds_left": None if seconds is None else round(seconds, 1),
            "waits_for": self._held_up(),
        }

    async def _reason(self, request: Doc, progressed: DownloadProgressed) -> str:
        broken = await self._files.first_broken(request["pid"], request["locations"])
        if broken is None:
            return "the dataset has no such files any more"
        share = f"{progressed.files_failed} of {progressed.files} files failed"
        if progressed.files_expired:
            share += f", {progressed.files_expired} of these expired"
        return f"{share}; {broken['location']}: {broken['reason']}"


def _availability(row: Doc, tally: Tally, *, awaited: bool) -> DatasetAvailability | None:
    """What is to be said of a dataset, None when that was said."""
    found = availability(tally, awaited=awaited)
    if "list_version" not in row:
        return None
    if (found, tally.all_files) == (row.get("availability"), row.get("files")):
        return None
    return DatasetAvailability(
        pid=row["_id"],
        availability=found,
        files=tally.all_files,
        files_online=tally.count("online"),
        version=(row.get("availability_version") or 0) + 1,
    )


def _end(progressed: DownloadProgressed, reason: str | None) -> Event:
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
