"""What was heard of records is kept in the registry; what is heard together, together."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from portal_shared.contracts.events import DatasetWithdrawn, DocumentWithdrawn
from portal_shared.contracts.records import Change, Dataset, Document
from portal_shared.runtime.batcher import Batcher
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import current_correlation_id, logger
from portal_shared.runtime.mongo import Doc, DuplicateKeyError, WriteConflict

from portal_doi.domain.intent import intended, withdrawn
from portal_doi.domain.outcome import Outcome
from portal_doi.store.registry import Intent, Registry, new_row

log = logger(__name__)

MOST_ATTEMPTS = 20
TOGETHER = 100  # records in a transaction, at most
TRIES = 3  # of a transaction of many; then each has its own
COLLECT_SECONDS = 0.02
PATIENCE_SECONDS = 60.0  # with a database that is away; it is asked every
PAUSE_SECONDS = 1.0

Decide = Callable[[Doc, int, datetime], Outcome | None]  # row before, attempt at a suffix, now


@dataclass(frozen=True)
class Heard:
    pid: str
    decide: Decide
    follows: str  # correlation id


class Keeping:
    def __init__(self, registry: Registry, *, prefix: str) -> None:
        self._registry = registry
        self._prefix = prefix
        self._together = Batcher(self._kept, collect_seconds=COLLECT_SECONDS, max_batch=TOGETHER)

    async def intent(
        self, record: Document | Dataset, version: int, *, history: Sequence[Change] = ()
    ) -> bool:
        """Keep what is meant, durably; False for a version that is not newer than what is kept.

        One that failed before is newer by being sent again.
        """

        def decide(before: Doc, attempt: int, now: datetime) -> Outcome | None:
            again = before["version"] == version and before["state"] == "failed"
            if before["version"] >= version and not again:
                return None
            return intended(
                record,
                version,
                before,
                prefix=self._prefix,
                attempt=attempt,
                now=now,
                history=history,
            )

        return await self._patiently(Heard(record.pid, decide, current_correlation_id()))

    async def withdrawal(self, event: DatasetWithdrawn | DocumentWithdrawn) -> bool:
        """Keep it, durably; False when something newer is kept."""

        def decide(before: Doc, _attempt: int, now: datetime) -> Outcome | None:
            return withdrawn(event, before, now=now) if before["version"] < event.version else None

        return await self._patiently(Heard(event.pid, decide, current_correlation_id()))

    async def _patiently(self, heard: Heard) -> bool:
        """A database that is back soon costs no attempt of the message."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return await self._together.submit(heard)
            except Unavailable:
                if time.monotonic() > end:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)

    async def _kept(self, heard: Sequence[Heard]) -> Sequence[bool]:
        """Writes changes of different records in one transaction. Raises WriteConflict."""
        if len(heard) == 1:
            return [await self._kept_alone(heard[0])]
        if len({one.pid for one in heard}) < len(heard):
            raise WriteConflict("several versions of one record at a time")
        intents = await self._intents(heard)
        wanted = [i for i in intents if i is not None]
        if wanted and not await self._registry.keep(wanted, max_tries=TRIES):
            raise WriteConflict("another version came between")
        return [i is not None for i in intents]

    async def _intents(self, heard: Sequence[Heard], attempt: int = 0) -> list[Intent | None]:
        """None for what is not to be kept: it is known."""
        now = await self._registry.clock.now()
        rows = await self._registry.find_all([one.pid for one in heard])
        intents: list[Intent | None] = []
        for one in heard:
            before = rows.get(one.pid) or new_row(one.pid, now)
            outcome = one.decide(before, attempt, now)
            intents.append(Intent(before, outcome, one.follows) if outcome else None)
        return intents

    async def _kept_alone(self, heard: Heard) -> bool:
        attempt = 0
        for _ in range(MOST_ATTEMPTS):
            intent = (await self._intents([heard], attempt))[0]
            if intent is None:
                return False
            try:
                if await self._registry.keep([intent]):
                    return True
            except DuplicateKeyError:
                own = intent.outcome.fields.get("own")
                if own and await self._registry.has_doi(own, but=heard.pid):
                    log.warning("another record has this DOI", doi=own, pid=heard.pid)
                    attempt += 1
        raise Unavailable(f"the identifier of {heard.pid} changes faster than it can be kept")
