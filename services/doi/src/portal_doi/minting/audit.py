"""Compares registry and DataCite over all DOIs, both ways, a page at a time.

DataCite's list is gone through first; every DOI of ours that it did not show is then asked for by
name, since a list may lag behind. A run has a name, kept on the rows it has seen.
"""

from collections.abc import Callable, Mapping
from typing import Any

from portal_shared.runtime.mongo import ASCENDING, Doc, translate_errors

from portal_doi.datacite import DataCite
from portal_doi.domain.registration import Answer, Registration
from portal_doi.minting.reconciler import Minting
from portal_doi.store.rate_limit import Pace
from portal_doi.store.registry import Registry
from portal_doi.store.relations import Relations, Relatives

LISTED_AT_ONCE = 500
ASKED_AT_ONCE = 50

Difference = dict[str, Any]


class Auditing:
    def __init__(
        self,
        registry: Registry,
        relations: Relations,
        datacite: DataCite,
        minting: Minting,
        pace: Pace,
        *,
        wake: Callable[[], None],
    ) -> None:
        self._registry = registry
        self._relations = relations
        self._datacite = datacite
        self._minting = minting
        self._pace = pace
        self._wake = wake  # who mends

    async def listed(self, run: str, cursor: str | None, *, repair: bool) -> dict[str, Any]:
        """One page of what DataCite lists: those we do not know, and those it holds otherwise."""
        await self._pace.take()
        page = await self._datacite.page(cursor, LISTED_AT_ONCE)
        dois = list(page.found)
        rows = await self._rows({"own": {"$in": dois}})
        by_doi = {row["own"]: row for row in rows}
        with translate_errors():
            await self._registry.rows.update_many(
                {"own": {"$in": dois}}, {"$set": {"audited": run}}
            )
        found: list[Difference] = []
        relatives = await self._relations.relatives(rows)
        for doi, answer in page.found.items():
            row = by_doi.get(doi)
            if row is None:
                found += await self._unknown(doi, answer)
            else:
                found += await self._compared(row, answer, relatives)
        return await self._answer(found, len(dois), page.cursor, repair=repair)

    async def unlisted(self, run: str, after: str, *, repair: bool) -> dict[str, Any]:
        """One page of our DOIs that the list did not show."""
        which: Doc = {"own": {"$ne": None}, "audited": {"$ne": run}, "_id": {"$gt": after}}
        rows = await self._rows(which, ASKED_AT_ONCE)
        relatives = await self._relations.relatives(rows)
        found: list[Difference] = []
        for row in rows:
            if _begun(row):
                continue
            await self._pace.take()
            answer = await self._datacite.find(row["own"])
            if answer is None:
                found.append(_difference(row, "missing", "DataCite does not have it"))
            else:
                found += await self._compared(row, answer, relatives)
        more = rows[-1]["_id"] if len(rows) == ASKED_AT_ONCE else None
        return await self._answer(found, len(rows), more, repair=repair)

    async def _rows(self, which: Doc, most: int = 0) -> list[Doc]:
        with translate_errors():
            cursor = self._registry.rows.find(which).sort("_id", ASCENDING)
            return [row async for row in (cursor.limit(most) if most else cursor)]

    async def _unknown(self, doi: str, answer: Answer) -> list[Difference]:
        """Under our prefix, and not registered by us: adopted by a record, or nobody's."""
        if await self._registry.named(doi):
            return []
        reason = f"{answer.state} at DataCite, leads to {answer.url}: no record has it"
        return [{"pid": None, "doi": doi, "what": "unknown", "reason": reason}]

    async def _compared(self, row: Doc, answer: Answer, relatives: Relatives) -> list[Difference]:
        if _begun(row):
            return []
        related, _ = relatives.of(row)
        meant, _ = await self._minting.meant(row, related, answer.state)
        found = _differs(row, meant, answer)
        return [_difference(row, *found)] if found else []

    async def _answer(
        self, found: list[Difference], compared: int, more: str | None, *, repair: bool
    ) -> dict[str, Any]:
        mended = [d["pid"] for d in found if d["pid"] is not None]
        if repair and mended:
            await self._registry.look_again(mended)
            self._wake()
        return {"compared": compared, "differences": found, "next": more}


def _differs(row: Mapping[str, Any], meant: Registration, answer: Answer) -> tuple[str, str] | None:
    """What is first found to differ, and how."""
    differing = meant.differing(answer)
    judged = (
        ("state", answer.state != meant.state, f"{answer.state}, {meant.state} is meant"),
        ("url", answer.url != meant.url, f"leads to {answer.url}, not to {meant.url}"),
        ("handle", not meant.is_accepted(answer), "DataCite has it, but it does not resolve"),
        ("metadata", bool(differing), f"differs in {', '.join(differing)}"),
        ("registry", row["told"] != meant.hash, "the registry remembers something else"),
    )
    return next(((what, reason) for what, differs, reason in judged if differs), None)


def _difference(row: Mapping[str, Any], what: str, reason: str) -> Difference:
    return {"pid": row["_id"], "doi": row["own"], "what": what, "reason": reason}


def _begun(row: Mapping[str, Any]) -> bool:
    """It is being worked on: what DataCite holds may change at any moment."""
    return bool(row["waiting"] and row["since"])
