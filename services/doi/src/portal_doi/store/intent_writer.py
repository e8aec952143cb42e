"""Writes intents for changed records to the registry.

Concurrent events are batched into one transaction. While MongoDB is away, writes are retried for a
minute, so that a short interruption costs no attempt of the message.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from portal_shared.contracts.events import DatasetWithdrawn, DocumentWithdrawn
from portal_shared.contracts.records import Change, Dataset, Document
from portal_shared.runtime.batcher import Batcher
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import DuplicateKeyError, WriteConflict
from portal_shared.runtime.retry import retry
from portal_shared.runtime.telemetry.origin import Origin, current_origin

from portal_doi.domain.intent import registration_intent, withdrawal_intent
from portal_doi.domain.outcome import Outcome
from portal_doi.domain.row import RegistryRow, new_row
from portal_doi.store.registry import Intent, Registry

log = logger(__name__)

MAX_ATTEMPTS = 20
MAX_RECORDS_PER_TRANSACTION = 100
MAX_BATCH_ATTEMPTS = 3  # of a transaction of many; then each record has its own
BATCH_WINDOW_SECONDS = 0.02
MAX_OUTAGE_SECONDS = 60.0
RETRY_SECONDS = 1.0

# From the row before, the number of suffixes that were tried, and the time: None if it is not new.
Decide = Callable[[RegistryRow, int, datetime], Outcome | None]


@dataclass(frozen=True)
class RecordChange:
    pid: str
    decide: Decide
    origin: Origin


class IntentWriter:
    def __init__(self, registry: Registry, *, prefix: str) -> None:
        self._registry = registry
        self._prefix = prefix
        self._batcher = Batcher(
            self._write, collect_seconds=BATCH_WINDOW_SECONDS, max_batch=MAX_RECORDS_PER_TRANSACTION
        )

    async def write_registration(
        self, record: Document | Dataset, version: int, *, history: Sequence[Change] = ()
    ) -> bool:
        """Store the intent for a record; False if the version is not newer than the stored one.

        The same version counts as newer if it failed: it was replayed from the dead letters.
        """

        def decide(before: RegistryRow, attempt: int, now: datetime) -> Outcome | None:
            is_replay = before.version == version and before.state == "failed"
            if before.version >= version and not is_replay:
                return None
            return registration_intent(
                record,
                version,
                before,
                prefix=self._prefix,
                attempt=attempt,
                now=now,
                history=history,
            )

        return await self._write_with_retry(RecordChange(record.pid, decide, current_origin()))

    async def write_withdrawal(self, event: DatasetWithdrawn | DocumentWithdrawn) -> bool:
        """Store the intent for a withdrawn record; False if a newer version is stored."""

        def decide(before: RegistryRow, _attempt: int, now: datetime) -> Outcome | None:
            if before.version >= event.version:
                return None
            return withdrawal_intent(event, before, now=now)

        return await self._write_with_retry(RecordChange(event.pid, decide, current_origin()))

    async def _write_with_retry(self, change: RecordChange) -> bool:
        return await retry(lambda: self._batcher.submit(change), pauses=_pauses())

    async def _write(self, changes: Sequence[RecordChange]) -> Sequence[bool]:
        """Write changes in one transaction. Raises WriteConflict if each has to go alone."""
        if len(changes) == 1:
            return [await self._write_alone(changes[0])]
        if len({change.pid for change in changes}) < len(changes):
            raise WriteConflict("several versions of one record at a time")
        intents = await self._intents(changes)
        newer = [intent for intent in intents if intent is not None]
        if newer and not await self._registry.store(newer, max_attempts=MAX_BATCH_ATTEMPTS):
            raise WriteConflict("another version of a record was written meanwhile")
        return [intent is not None for intent in intents]

    async def _intents(
        self, changes: Sequence[RecordChange], attempt: int = 0
    ) -> list[Intent | None]:
        """Return the intent of each change; None where nothing is to be stored."""
        now = await self._registry.clock.now()
        rows = await self._registry.find_all([change.pid for change in changes])
        intents: list[Intent | None] = []
        for change in changes:
            before = rows.get(change.pid) or new_row(change.pid, now)
            outcome = change.decide(before, attempt, now)
            intents.append(Intent(before, outcome, change.origin) if outcome else None)
        return intents

    async def _write_alone(self, change: RecordChange) -> bool:
        attempt = 0
        for _ in range(MAX_ATTEMPTS):
            intent = (await self._intents([change], attempt))[0]
            if intent is None:
                return False
            try:
                if await self._registry.store([intent]):
                    return True
            except DuplicateKeyError:
                our_doi = intent.outcome.changes.get("our_doi")
                if our_doi and await self._registry.has_doi(our_doi, other_than=change.pid):
                    log.warning(
                        "another record has this DOI",
                        doi=our_doi,
                        pid=change.pid,
                        **change.origin.ids,
                    )
                    attempt += 1
        raise Unavailable(
            f"the registry row of {change.pid} changed during each of {MAX_ATTEMPTS} attempts"
        )


def _pauses() -> Iterator[float]:
    """Yields the pauses between attempts, as long as MAX_OUTAGE_SECONDS are not over."""
    end = time.monotonic() + MAX_OUTAGE_SECONDS
    while time.monotonic() <= end:
        yield RETRY_SECONDS
