"""Doing what is meant: tell DataCite, keep the outcome, say it. Twice is the same as once."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from portal_shared.citation.relations import Related
from portal_shared.runtime.errors import Conflict, PortalError, Unavailable
from portal_shared.runtime.logs import bind_correlation_id, logger

from portal_doi.datacite import DataCite, TooFast, Unsure
from portal_doi.domain import desired
from portal_doi.domain import outcome as outcomes
from portal_doi.domain.outcome import Outcome
from portal_doi.domain.registration import Answer, Registration, State
from portal_doi.domain.state import OURS, released_at, why_closed
from portal_doi.minting.prefetch import Due, Supply
from portal_doi.store.leases import Claim, Claims
from portal_doi.store.rate_limit import Pace
from portal_doi.store.relations import Relations, Relatives

log = logger(__name__)
T = TypeVar("T")

MOST_TRIES = 5  # of a record that fails for a reason nobody foresaw
LONGEST_PAUSE = 60.0
AHEAD = 16  # rows taken ahead, for each call that may be under way
HANDS = 16  # for each call: while one waits for DataCite, others wait for the database
HANDED_OVER = 3  # for each call: the adapter makes one and writes the next; another waits for it
BEGIN_WITHIN = 60.0
STOP_SECONDS = 5.0


class Minting:
    def __init__(
        self,
        claims: Claims,
        relations: Relations,
        datacite: DataCite,
        pace: Pace,
        *,
        site_url: str,
        parallelism: int,
        begin_within: float = BEGIN_WITHIN,
    ) -> None:
        self._claims = claims
        self._clock = claims.registry.clock
        self._relations = relations
        self._datacite = datacite
        self._pace = pace
        self._site_url = site_url
        self._parallelism = parallelism
        self._begin_within = begin_within  # seconds; begun later, a claim would run out
        self._under_way = asyncio.Semaphore(parallelism * HANDED_OVER)
        self._trouble: Unavailable | None = None  # why nothing more is begun in this step

    async def step(self) -> bool:
        """Everything that is due; False when nothing was.

        Raises Unavailable as soon as DataCite is: what was not begun stays due.
        """
        supply = Supply(
            self._fetch, ahead=self._parallelism * AHEAD, begin_within=self._begin_within
        )
        self._trouble = None

        async def work() -> None:
            while self._trouble is None and (due := await supply.next()) is not None:
                try:
                    await self._attend(due)
                except Unavailable as error:
                    self._trouble = self._trouble or error

        hands = [asyncio.create_task(work()) for _ in range(self._parallelism * HANDS)]
        try:
            ended = await asyncio.gather(*hands, return_exceptions=True)
        finally:  # when we are stopped, too: what we hold would be nobody's until its lease ends
            for hand in hands:
                hand.cancel()
            await asyncio.gather(*hands, return_exceptions=True)
            with contextlib.suppress(TimeoutError, PortalError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._claims.drained()
                    await self._claims.give_back([due.claim for due in await supply.close()])
        for outcome in ended:
            if isinstance(outcome, BaseException):
                raise outcome
        if self._trouble is not None:
            raise self._trouble
        return supply.worked

    async def _fetch(self, most: int) -> tuple[list[Due], bool]:
        """Some that are due, with their relatives; and whether there may be more."""
        told = await self._relations.tell()
        claims = await self._claims.take(most)
        if not claims:
            return [], told
        relatives = await self._relations.relatives([claim.row for claim in claims])
        return [Due(claim, relatives) for claim in claims], True

    async def _attend(self, due: Due) -> None:
        """Do it, or let it go until later; raises Unavailable when nothing else can be done now."""
        claim = due.claim
        bind_correlation_id(claim.row["correlation_id"], pid=claim.pid)
        try:
            await self._do(claim, due.relatives)
        except Unavailable as error:
            if isinstance(error, TooFast):
                await self._pace.pause(error.seconds)
            unsure = isinstance(error, Unsure)
            await self._later(claim, unsure=unsure or claim.row["unsure"], counted=unsure)
            raise
        except PortalError as error:
            await self._fail(claim, str(error))
        except Exception as error:
            log.exception("minting failed", tries=claim.row["tries"] + 1)
            if claim.row["tries"] + 1 >= MOST_TRIES:
                await self._fail(claim, f"the portal failed on it: {error!r}"[:1000])
                return
            now = await self._clock.now()
            pause = timedelta(seconds=2 ** claim.row["tries"])
            await self._claims.let_go(claim, due=now + pause, unsure=True, counted="tries")

    async def _do(self, claim: Claim, relatives: Relatives) -> None:
        row = claim.row
        if row["state"] not in OURS:  # decided otherwise meanwhile
            await self._claims.settle(claim, Outcome())
            return
        if row["doi"] is None:
            taken = await self._ask(claim, str(row["record"]["doi"]))
            if taken is None:
                return
            claim = taken
        related, undecided = relatives.of(claim.row)
        if undecided and row["since"] and await self._let_wait(claim, row["since"]):
            return
        await self._register(claim, related)

    async def _let_wait(self, claim: Claim, since: datetime) -> bool:
        """Leave it until its relatives have come; False when our patience is at its end."""
        deadline = since + self._relations.patience
        if await self._clock.now() >= deadline:
            return False
        await self._claims.let_go(claim, due=deadline, unsure=claim.row["unsure"])
        return True

    async def _ask(self, claim: Claim, wish: str) -> Claim | None:
        """A DOI of our prefix that we do not know: the claim with it as ours, or None: adopted."""
        state: State = "findable"
        if not await self._claims.registry.has_doi(wish, but=claim.pid):
            found = await self._call(claim, lambda: self._datacite.find(wish))
            own = claim.row["own"]
            if found:
                state = found.state
            elif own:
                raise Conflict(
                    f"{wish} is not registered, and {own} is its DOI already", field="doi"
                )
            elif await self._claims.take_own(claim, wish):
                return replace(claim, row={**claim.row, "own": wish, "doi": wish})
        await self._claims.settle(claim, outcomes.adopted(claim.row, wish, state))
        return None

    async def meant(
        self, row: Any, related: list[Related], stands: State | None
    ) -> tuple[Registration, dict[str, str]]:
        """What DataCite is to hold; and what is wrong with the record, by property.

        What cannot be public yet is reserved: a draft of what is right.
        """
        meant = desired.meant(
            row,
            related,
            site_url=self._site_url,
            now=await self._clock.now(),
            stands=stands,
        )
        if not row["version"]:
            return meant, {}
        problems = desired.too_long(meant) or self._datacite.problems(meant)
        if problems and stands in (None, "draft"):
            return desired.as_draft(meant, list(problems)), problems
        return meant, problems

    async def _register(self, claim: Claim, related: list[Related]) -> None:
        row = claim.row
        found = await self._found(claim) if row["unsure"] else None
        stands: State | None = found.state if found else row["own_state"]
        meant, problems = await self.meant(row, related, stands)
        reason = "; ".join(f"{name}: {why}" for name, why in problems.items())[:1000]
        if problems and meant.state != "draft":  # public once: what DataCite has is better
            await self._fail(claim, reason)
            return
        known = meant.is_held(found) if found else row["told"] == meant.hash and not row["unsure"]
        if not known and not await self._told(claim, meant):
            return
        now = await self._clock.now()
        closed = why_closed(row, now) if row["version"] else "reserved"
        outcome = outcomes.minted(row, meant)
        if problems and closed is None:
            log.error("no DOI", reason=reason)
            outcome = outcomes.reserved(row, meant, reason)
        opened = replace(outcome, fields={**outcome.fields, "open": closed is None})
        again = released_at(row) if closed == "under embargo" else None
        await self._claims.settle(claim, opened, again=again)

    async def _told(self, claim: Claim, meant: Registration) -> bool:
        """DataCite has it as meant; False when that has to be seen later."""
        answer = await self._call(claim, lambda: self._datacite.put(meant))
        log.info("told DataCite", doi=meant.doi, state=answer.state)
        if meant.is_accepted(answer):
            return True
        log.warning("the DOI does not resolve yet", doi=meant.doi, state=answer.state)
        await self._later(claim, unsure=True, counted=True)
        return False

    async def _found(self, claim: Claim) -> Answer | None:
        return await self._call(claim, lambda: self._datacite.find(claim.row["own"]))

    async def _call(self, claim: Claim, call: Callable[[], Awaitable[T]]) -> T:
        """As many at a time as the adapter makes, or soon will; none once DataCite is out of reach.

        Raises Unavailable for a claim that waited so long that it might run out.
        """
        await self._pace.take()  # before: nobody under way waits for the database to allow more
        async with self._under_way:
            if self._trouble is not None:
                raise Unavailable(self._trouble.reason)
            if time.monotonic() - claim.since > self._begin_within:
                raise Unavailable("DataCite: answers too slowly for all that was begun")
            return await call()

    async def _fail(self, claim: Claim, reason: str) -> None:
        log.error("no DOI", reason=reason)
        await self._claims.settle(claim, outcomes.failed(claim.row, reason))

    async def _later(self, claim: Claim, *, unsure: bool, counted: bool) -> None:
        """At once when DataCite is back; with growing pauses when it is this record it minds."""
        pause = min(2.0 ** min(claim.row["asked"], 10), LONGEST_PAUSE) if counted else 0.0
        due = await self._clock.now() + timedelta(seconds=pause)
        await self._claims.let_go(
            claim, due=due, unsure=unsure, counted="asked" if counted else None
        )
