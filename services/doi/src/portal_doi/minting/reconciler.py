"""Reconciles DOIs: registers the desired state at DataCite, stores the result, publishes the event.

Idempotent: the same work done twice leads to the same DOI and to one event.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from portal_shared.citation.relations import Related
from portal_shared.runtime.errors import Conflict, PortalError, Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.telemetry.origin import Origin, resume

from portal_doi.datacite import DataCite, TooFast, Unsure
from portal_doi.domain import desired
from portal_doi.domain import outcome as outcomes
from portal_doi.domain.outcome import Outcome
from portal_doi.domain.registration import Registration, State
from portal_doi.domain.row import RESERVED, RegistryRow, RowChanges
from portal_doi.domain.state import OURS, release_date, why_closed
from portal_doi.metrics import IDENTIFIERS
from portal_doi.minting.prefetch import ClaimedRow, PrefetchQueue
from portal_doi.store.leases import Lease, Leases
from portal_doi.store.rate_limit import RateLimiter
from portal_doi.store.relations import Relations, Relatives

log = logger(__name__)
T = TypeVar("T")

MAX_FAILURES = 5  # of a record, for unexpected errors
MAX_PAUSE_SECONDS = 60.0
MAX_REASON_CHARACTERS = 1000
# A slot is one call to DataCite; `parallelism` is the number of slots.
PREFETCH_PER_SLOT = 16  # rows claimed ahead
WORKERS_PER_SLOT = 16  # while one waits for DataCite, others wait for the database
CALLS_PER_SLOT = 3  # one under way, and two ready to follow without a pause
BEGIN_WITHIN_SECONDS = 60.0
STOP_SECONDS = 5.0


class Reconciler:
    def __init__(
        self,
        leases: Leases,
        relations: Relations,
        datacite: DataCite,
        rate_limiter: RateLimiter,
        *,
        site_url: str,
        parallelism: int,
        begin_within: float = BEGIN_WITHIN_SECONDS,
    ) -> None:
        self._leases = leases
        self._clock = leases.registry.clock
        self._relations = relations
        self._datacite = datacite
        self._rate_limiter = rate_limiter
        self._site_url = site_url
        self._parallelism = parallelism
        self._begin_within = begin_within  # seconds; begun later, a lease would run out
        self._call_slots = asyncio.Semaphore(parallelism * CALLS_PER_SLOT)
        self._outage: Unavailable | None = None  # why this step begins nothing more

    async def step(self) -> bool:
        """Do all work that there is; False if there was none.

        Raises Unavailable as soon as DataCite is out of reach; the rest is released.
        """
        queue = PrefetchQueue(
            self._fetch,
            size=self._parallelism * PREFETCH_PER_SLOT,
            begin_within=self._begin_within,
        )
        self._outage = None

        async def work() -> None:
            while self._outage is None and (claimed := await queue.next()) is not None:
                try:
                    await self._process(claimed)
                except Unavailable as error:
                    self._outage = self._outage or error

        count = self._parallelism * WORKERS_PER_SLOT
        workers = [asyncio.create_task(work()) for _ in range(count)]
        try:
            results = await asyncio.gather(*workers, return_exceptions=True)
        finally:  # also when this process stops: leased rows would be blocked until their end
            await self._stop(workers, queue)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        if self._outage is not None:
            raise self._outage
        return queue.found_work

    async def _stop(self, workers: Sequence[asyncio.Task[None]], queue: PrefetchQueue) -> None:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        with contextlib.suppress(TimeoutError, PortalError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._leases.flush()
                unused = await queue.close()
                await self._leases.release_unused([claimed.lease for claimed in unused])

    async def _fetch(self, limit: int) -> tuple[list[ClaimedRow], bool]:
        """Claim rows and load their relatives; also returns whether there may be more work."""
        have_changed = await self._relations.notify_relatives()
        leases = await self._leases.claim(limit)
        if not leases:
            return [], have_changed
        relatives = await self._relations.load_relatives([lease.row for lease in leases])
        return [ClaimedRow(lease, relatives) for lease in leases], True

    async def _process(self, claimed: ClaimedRow) -> None:
        """Reconcile a row, or release it for later. Raises Unavailable if the step has to end."""
        row = claimed.lease.row
        origin = Origin(row.correlation_id, row.job_id, row.traceparent)
        with resume(origin, "reconcile DOI", pid=row.pid):
            await self._process_alone(claimed)

    async def _process_alone(self, claimed: ClaimedRow) -> None:
        lease = claimed.lease
        try:
            await self._reconcile(lease, claimed.relatives)
        except Unavailable as error:
            if isinstance(error, TooFast):
                await self._rate_limiter.pause(error.seconds)
            is_unsure = isinstance(error, Unsure)
            unknown = is_unsure or lease.row.datacite_unknown
            await self._reschedule(lease, datacite_unknown=unknown, unconfirmed=is_unsure)
            IDENTIFIERS.labels("retried").inc()
            raise
        except PortalError as error:
            await self._fail(lease, str(error))
        except Exception as error:
            failures = lease.row.failures + 1
            log.exception("minting failed", failures=failures)
            if failures >= MAX_FAILURES:
                reason = f"unexpected error in the portal; report it to its operator: {error!r}"
                await self._fail(lease, reason[:MAX_REASON_CHARACTERS])
                return
            pause = timedelta(seconds=2**lease.row.failures)
            await self._leases.release(
                lease,
                next_attempt_at=await self._clock.now() + pause,
                datacite_unknown=True,
                counter="failures",
            )

    async def _reconcile(self, lease: Lease, relatives: Relatives) -> None:
        row = lease.row
        if row.state not in OURS:  # decided otherwise meanwhile
            await self._leases.complete(lease, Outcome())
            return
        if row.doi is None:
            resolved = await self._resolve_unknown_doi(lease, str(row.record["doi"]))
            if resolved is None:
                return
            lease = resolved
        if relatives.are_undecided(lease.row) and await self._postpone_for_relatives(lease):
            return
        await self._register(lease, relatives.related(lease.row))

    async def _postpone_for_relatives(self, lease: Lease) -> bool:
        """Release the row until its relatives have come; False once it waited long enough."""
        since = lease.row.waiting_since
        if since is None:
            return False
        deadline = since + self._relations.patience
        if await self._clock.now() >= deadline:
            return False
        await self._leases.release(
            lease,
            next_attempt_at=deadline,
            datacite_unknown=lease.row.datacite_unknown,
            is_awaited=True,
        )
        return True

    async def _resolve_unknown_doi(self, lease: Lease, doi: str) -> Lease | None:
        """Decide on a DOI with our prefix that the registry does not have for this record.

        Returns the lease with the DOI as ours if nobody registered it; else None: it was adopted.
        """
        state: State = "findable"
        if not await self._leases.registry.has_doi(doi, other_than=lease.pid):
            current = await self._call(lease, lambda: self._datacite.find(doi))
            our_doi = lease.row.our_doi
            if current:
                state = current.state
            elif our_doi:
                reason = f"{doi} is not registered, and the record already has {our_doi}"
                raise Conflict(f"{reason}; use that one", field="doi")
            elif await self._leases.assign_doi(lease, doi):
                return replace(lease, row=replace(lease.row, our_doi=doi, doi=doi))
        await self._leases.complete(lease, outcomes.adopted(lease.row, doi, state))
        IDENTIFIERS.labels("adopted").inc()
        return None

    async def desired_registration(
        self, row: RegistryRow, related: Sequence[Related], current_state: State | None
    ) -> tuple[Registration, dict[str, str]]:
        """Return what DataCite should have, and what is wrong with the record, by property.

        A record that is not valid yet is reserved: a draft with the valid properties.
        """
        registration = desired.desired_registration(
            row,
            related,
            site_url=self._site_url,
            now=await self._clock.now(),
            current_state=current_state,
        )
        if row.version == RESERVED:
            return registration, {}
        problems = desired.too_long(registration) or self._datacite.problems(registration)
        if problems and current_state in (None, "draft"):
            return desired.as_draft(registration, list(problems)), problems
        return registration, problems

    async def _register(self, lease: Lease, related: Sequence[Related]) -> None:
        row = lease.row
        current = None
        if row.datacite_unknown and row.our_doi:
            doi = row.our_doi
            current = await self._call(lease, lambda: self._datacite.find(doi))
        current_state = current.state if current else row.our_state
        registration, problems = await self.desired_registration(row, related, current_state)
        reason = "; ".join(f"{name}: {why}" for name, why in problems.items())
        reason = reason[:MAX_REASON_CHARACTERS]
        if problems and registration.state != "draft":  # public: DataCite keeps the valid version
            await self._fail(lease, reason)
            return
        if current:
            is_registered = registration.matches(current)
        else:
            is_same = row.registered_hash == registration.hash
            is_registered = is_same and not row.datacite_unknown
        if not is_registered and not await self._put(lease, registration):
            return
        now = await self._clock.now()
        closed = "reserved" if row.version == RESERVED else why_closed(row, now)
        outcome = outcomes.minted(row, registration)
        if problems and closed is None:
            log.error("no DOI", reason=reason)
            outcome = outcomes.reserved(row, registration, reason)
        is_public = closed is None
        visibility: RowChanges = {
            "is_public": is_public,
            "never_public": not is_public and not row.was_public,
        }
        outcome = replace(outcome, changes={**outcome.changes, **visibility})
        next_attempt_at = release_date(row) if closed == "under embargo" else None
        await self._leases.complete(lease, outcome, next_attempt_at=next_attempt_at)
        IDENTIFIERS.labels(registration.state).inc()

    async def _put(self, lease: Lease, registration: Registration) -> bool:
        """Send the registration to DataCite; False if the DOI has to be checked again later."""
        answer = await self._call(lease, lambda: self._datacite.put(registration))
        log.info("DOI registered", doi=registration.doi, state=answer.state)
        if registration.is_accepted(answer):
            return True
        log.warning("the DOI does not resolve yet", doi=registration.doi, state=answer.state)
        await self._reschedule(lease, datacite_unknown=True, unconfirmed=True)
        return False

    async def _call(self, lease: Lease, call: Callable[[], Awaitable[T]]) -> T:
        """Call DataCite within the limits of rate and concurrency.

        Raises Unavailable during an outage, and for a lease that might run out during the call.
        """
        await self._rate_limiter.acquire()  # first: no slot is blocked by waiting for the database
        async with self._call_slots:
            if self._outage is not None:
                raise Unavailable(self._outage.reason)
            if time.monotonic() - lease.claimed_at > self._begin_within:
                raise Unavailable("DataCite answers too slowly; the rest is tried again later")
            return await call()

    async def _fail(self, lease: Lease, reason: str) -> None:
        log.error("no DOI", reason=reason)
        await self._leases.complete(lease, outcomes.failed(lease.row, reason))
        IDENTIFIERS.labels("failed").inc()

    async def _reschedule(self, lease: Lease, *, datacite_unknown: bool, unconfirmed: bool) -> None:
        """Release the row: after a growing pause if its own request was not confirmed."""
        attempts = min(lease.row.unconfirmed_puts, 10)
        pause = min(2.0**attempts, MAX_PAUSE_SECONDS) if unconfirmed else 0.0
        await self._leases.release(
            lease,
            next_attempt_at=await self._clock.now() + timedelta(seconds=pause),
            datacite_unknown=datacite_unknown,
            counter="unconfirmed_puts" if unconfirmed else None,
        )
