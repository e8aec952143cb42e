"""Doing what is meant: tell DataCite, keep the outcome, say it. Twice is the same as once."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from portal_shared.citation.related import Related
from portal_shared.errors import Conflict, PortalError, Unavailable
from portal_shared.observe import follow, logger

from portal_doi import meaning, outcomes
from portal_doi.datacite import DataCite, TooFast, Unsure
from portal_doi.outcomes import Outcome
from portal_doi.pacing import Pace
from portal_doi.registration import Answer, Registration, State
from portal_doi.registry import Claim, Registry
from portal_doi.relations import Relations
from portal_doi.standing import OURS, released_at, why_closed

log = logger(__name__)

MOST_TRIES = 5  # of a record that fails for a reason nobody foresaw
LONGEST_PAUSE = 60.0
CLAIMS_A_STEP = 32  # for each call that may be under way
HANDS = 3  # for each call: while one waits for DataCite, others wait for the database


class Minting:
    def __init__(
        self,
        registry: Registry,
        relations: Relations,
        datacite: DataCite,
        pace: Pace,
        *,
        site_url: str,
        parallelism: int,
    ) -> None:
        self._registry = registry
        self._relations = relations
        self._datacite = datacite
        self._pace = pace
        self._site_url = site_url
        self._parallelism = parallelism

    async def step(self) -> bool:
        """Everything that is due; False when nothing was.

        Raises Unavailable as soon as DataCite is: what was not begun stays due.
        """
        told = await self._relations.tell()
        pids = await self._registry.due(self._parallelism * CLAIMS_A_STEP)
        troubles: list[Unavailable] = []
        waiting = iter(pids)

        async def work() -> None:
            for pid in waiting:
                if troubles:
                    return
                claim = await self._registry.claim(pid)
                if claim is not None:
                    try:
                        await self._attend(claim)
                    except Unavailable as error:
                        troubles.append(error)

        ended = await asyncio.gather(
            *(work() for _ in range(self._parallelism * HANDS)), return_exceptions=True
        )
        for outcome in ended:
            if isinstance(outcome, BaseException):
                raise outcome
        if troubles:
            raise troubles[0]
        return told or bool(pids)

    async def _attend(self, claim: Claim) -> None:
        """Do it, or let it go until later; raises Unavailable when nothing else can be done now."""
        follow(claim.row["correlation_id"], pid=claim.pid)
        try:
            await self._do(claim)
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
            now = await self._registry.clock.now()
            pause = timedelta(seconds=2 ** claim.row["tries"])
            await self._registry.let_go(claim, due=now + pause, unsure=True, counted="tries")

    async def _do(self, claim: Claim) -> None:
        row = claim.row
        if row["state"] not in OURS:  # decided otherwise meanwhile
            await self._registry.settle(claim, Outcome())
            return
        if row["doi"] is None:
            taken = await self._ask(claim, str(row["record"]["doi"]))
            if taken is None:
                return
            claim = taken
        related: list[Related] = []
        if row["version"]:
            related, undecided = await self._relations.related(claim.row)
            if undecided and row["since"] and await self._let_wait(claim, row["since"]):
                return
        await self._register(claim, related)

    async def _let_wait(self, claim: Claim, since: datetime) -> bool:
        """Leave it until its relatives have come; False when our patience is at its end."""
        deadline = since + self._relations.patience
        if await self._registry.clock.now() >= deadline:
            return False
        await self._registry.let_go(claim, due=deadline, unsure=claim.row["unsure"])
        return True

    async def _ask(self, claim: Claim, wish: str) -> Claim | None:
        """A DOI of our prefix that we do not know: the claim with it as ours, or None: adopted."""
        state: State = "findable"
        if not await self._registry.has_doi(wish, but=claim.pid):
            await self._pace.take()
            found = await self._datacite.find(wish)
            own = claim.row["own"]
            if found:
                state = found.state
            elif own:
                raise Conflict(
                    f"{wish} is not registered, and {own} is its DOI already", field="doi"
                )
            elif await self._registry.take_own(claim, wish):
                return replace(claim, row={**claim.row, "own": wish, "doi": wish})
        await self._registry.settle(claim, outcomes.adopted(claim.row, wish, state))
        return None

    async def meant(
        self, row: Any, related: list[Related], stands: State | None
    ) -> tuple[Registration, dict[str, str]]:
        """What DataCite is to hold; and what is wrong with the record, by property.

        What cannot be public yet is reserved: a draft of what is right.
        """
        meant = meaning.meant(
            row,
            related,
            site_url=self._site_url,
            now=await self._registry.clock.now(),
            stands=stands,
        )
        if not row["version"]:
            return meant, {}
        problems = meaning.too_long(meant) or await self._datacite.problems(meant)
        if problems and stands in (None, "draft"):
            return meaning.as_draft(meant, list(problems)), problems
        return meant, problems

    async def _register(self, claim: Claim, related: list[Related]) -> None:
        row = claim.row
        found = await self._found(row) if row["unsure"] else None
        stands: State | None = found.state if found else row["own_state"]
        meant, problems = await self.meant(row, related, stands)
        reason = "; ".join(f"{name}: {why}" for name, why in problems.items())[:1000]
        if problems and meant.state != "draft":  # public once: what DataCite has is better
            await self._fail(claim, reason)
            return
        known = meant.is_held(found) if found else row["told"] == meant.hash and not row["unsure"]
        if not known and not await self._told(claim, meant):
            return
        now = await self._registry.clock.now()
        closed = why_closed(row, now) if row["version"] else "reserved"
        outcome = outcomes.minted(row, meant)
        if problems and closed is None:
            log.error("no DOI", reason=reason)
            outcome = outcomes.reserved(row, meant, reason)
        opened = replace(outcome, fields={**outcome.fields, "open": closed is None})
        again = released_at(row) if closed == "under embargo" else None
        await self._registry.settle(claim, opened, again=again)

    async def _told(self, claim: Claim, meant: Registration) -> bool:
        """DataCite has it as meant; False when that has to be seen later."""
        await self._pace.take()
        answer = await self._datacite.put(meant)
        log.info("told DataCite", doi=meant.doi, state=answer.state)
        if meant.is_accepted(answer):
            return True
        log.warning("the DOI does not resolve yet", doi=meant.doi, state=answer.state)
        await self._later(claim, unsure=True, counted=True)
        return False

    async def _found(self, row: Any) -> Answer | None:
        await self._pace.take()
        return await self._datacite.find(row["own"])

    async def _fail(self, claim: Claim, reason: str) -> None:
        log.error("no DOI", reason=reason)
        await self._registry.settle(claim, outcomes.failed(claim.row, reason))

    async def _later(self, claim: Claim, *, unsure: bool, counted: bool) -> None:
        """At once when DataCite is back; with growing pauses when it is this record it minds."""
        pause = min(2.0 ** min(claim.row["asked"], 10), LONGEST_PAUSE) if counted else 0.0
        due = await self._registry.clock.now() + timedelta(seconds=pause)
        await self._registry.let_go(
            claim, due=due, unsure=unsure, counted="asked" if counted else None
        )
