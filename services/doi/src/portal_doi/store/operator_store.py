"""Queries and updates of the registry for operators, the audit and /status."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from portal_shared.runtime.mongo import Doc, Session, UpdateMany, transaction, translate_errors

from portal_doi.domain import outcome
from portal_doi.domain.row import RegistryRow, RowChanges
from portal_doi.store.registry import Registry, requeue_update
from portal_doi.store.rows import stored, stored_name

MAX_LISTED = 20  # refused records in a status
MAX_COUNTED = 20_000  # identifiers, for a status: there may be more
RARE_STAGES = ("pending", "adopted", "failed", "none")  # all but `minted`
_PENDING = stored(
    needs_work=True, waiting_since={"$gt": datetime.fromtimestamp(0, UTC)}
)  # not those that wait for a date


class OperatorStore:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._rows = registry.rows

    async def find_by_name(self, name: str) -> list[RegistryRow]:
        """Return the rows of a pid or a DOI; several if records share the DOI."""
        doi = name.lower()
        either = [stored(pid=name), stored(doi=doi), stored(our_doi=doi)]
        return await self._registry.select({"$or": either})

    async def dois(self, pids: Sequence[str]) -> dict[str, str | None]:
        """Return the DOI of each of these records, as published."""
        published = stored_name("published")
        with translate_errors():
            docs = self._rows.find(stored(pid={"$in": list(pids)}), {published: 1})
            found = {doc["_id"]: doc[published] async for doc in docs}
        return {pid: content["doi"] if content else None for pid, content in found.items()}

    async def set_operator_intent(self, pid: str, *, version: int, changes: RowChanges) -> bool:
        """Change what an operator may change; False if the record has a newer version."""
        now = await self._registry.clock.now()
        work: RowChanges = {
            "needs_work": True,
            "next_attempt_at": now,
            "waiting_since": now,
            "problem": None,
            **changes,
        }
        update = {"$set": stored(**work), "$inc": stored(work_revision=1)}
        with translate_errors():
            result = await self._rows.update_one(stored(pid=pid, version=version), update)
        return bool(result.matched_count)

    async def republish(self, pids: Sequence[str]) -> int:
        """Publish the latest event of each of these records again; returns how many there were."""
        query = stored(pid={"$in": list(pids)}, published={"$ne": None})
        found = [outcome.latest_event(row) for row in await self._registry.select(query)]
        events = [event for event in found if event is not None]

        async def work(session: Session) -> None:
            await self._registry.outbox.add(session, events)

        await transaction(self._registry.client, work)
        return len(events)

    async def requeue(self, pids: Sequence[str]) -> None:
        """Have these records compared with DataCite again, and repaired.

        The registration of a record that was refused is sent again.
        """
        now = await self._registry.clock.now()
        query = stored(pid={"$in": list(pids)}, our_doi={"$ne": None})
        await self._registry.write(
            [
                UpdateMany(query, requeue_update(now)),
                UpdateMany({**query, **stored(state="failed")}, {"$set": stored(state="pending")}),
            ]
        )

    async def find_audited(self, run: str, dois: Sequence[str]) -> list[RegistryRow]:
        """Return the rows with these DOIs of ours, and note that this audit has seen them."""
        query = stored(our_doi={"$in": list(dois)})
        rows = await self._registry.select(query)
        with translate_errors():
            await self._rows.update_many(query, {"$set": stored(audited=run)})
        return rows

    async def find_not_audited(self, run: str, after: str, limit: int) -> list[RegistryRow]:
        """Return rows by pid from `after` on that this audit has not seen.

        They are those with a DOI of ours and those that failed.
        """
        either = [stored(our_doi={"$ne": None}), stored(state="failed")]
        query = {**stored(audited={"$ne": run}, pid={"$gt": after}), "$or": either}
        return await self._registry.select(query, limit=limit)

    async def counts(self) -> dict[str, Any]:
        """Return the number of identifiers by stage; those that are minted are all others.

        They are most, and a count reads each. The total is read first, so that rows that come
        meanwhile do not count as minted.
        """
        with translate_errors():
            total = await self._rows.estimated_document_count()
            others = {s: await self._rows.count_documents(stored(state=s)) for s in RARE_STAGES}
        minted = max(0, total - sum(others.values()))
        return {"identifiers": {"total": total, "minted": minted, **others}}

    async def pending(self) -> dict[str, Any]:
        """Return how many identifiers are to be worked on, and why some were refused."""
        with translate_errors():
            first = await self._count(_PENDING)
            relatives = await self._count(stored(relatives_pending=True))
            # Counted twice: relatives get work meanwhile, and would be overlooked.
            pending = relatives + max(first, await self._count(_PENDING))
        failed = await self._registry.select(stored(state="failed"), limit=MAX_LISTED)
        refusals = {row.pid: row.problem or "" for row in failed}
        return {"pending": pending, "refusals": refusals}

    async def _count(self, which: Doc) -> int:
        return int(await self._rows.count_documents(which, limit=MAX_COUNTED))
