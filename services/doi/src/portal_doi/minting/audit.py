"""Audits all DOIs: compares the registry with DataCite in both directions, page by page.

Records that cannot have a DOI, or whose registration DataCite refused, are differences too.

DataCite's list comes first; each DOI of ours that was not in it is then queried by name, because
the list may lag behind. A run has a name, which is stored in the rows that it has compared.
"""

from collections.abc import Callable
from typing import Any

from portal_doi.datacite import DataCite
from portal_doi.domain.registration import CurrentRegistration, Registration
from portal_doi.domain.row import RegistryRow
from portal_doi.minting.reconciler import Reconciler
from portal_doi.store.operator_store import OperatorStore
from portal_doi.store.rate_limit import RateLimiter
from portal_doi.store.relations import Relations, Relatives

LISTED_PER_PAGE = 500
QUERIED_PER_PAGE = 50

Difference = dict[str, Any]


class Audit:
    def __init__(
        self,
        operator_store: OperatorStore,
        relations: Relations,
        datacite: DataCite,
        reconciler: Reconciler,
        rate_limiter: RateLimiter,
        *,
        wake: Callable[[], None],
    ) -> None:
        self._operator_store = operator_store
        self._relations = relations
        self._datacite = datacite
        self._reconciler = reconciler
        self._rate_limiter = rate_limiter
        self._wake = wake  # the worker that repairs

    async def compare_listed(self, run: str, cursor: str | None, *, repair: bool) -> dict[str, Any]:
        """Compare one page of DataCite's list: DOIs that are unknown here, or differ."""
        await self._rate_limiter.acquire()
        page = await self._datacite.page(cursor, LISTED_PER_PAGE)
        rows = await self._operator_store.find_audited(run, list(page.registrations))
        by_doi = {row.our_doi: row for row in rows}
        found: list[Difference] = []
        relatives = await self._relations.load_relatives(rows)
        for doi, current in page.registrations.items():
            row = by_doi.get(doi)
            if row is None:
                found += await self._unknown(doi, current)
            else:
                found += await self._compare(row, current, relatives)
        return await self._answer(found, len(page.registrations), page.cursor, repair=repair)

    async def compare_unlisted(self, run: str, after: str, *, repair: bool) -> dict[str, Any]:
        """Compare one page of the DOIs of ours that the list did not contain."""
        rows = await self._operator_store.find_not_audited(run, after, QUERIED_PER_PAGE)
        relatives = await self._relations.load_relatives(rows)
        found: list[Difference] = []
        for row in rows:
            if _has_work(row):
                continue
            if row.state == "failed":
                found.append(_refusal(row))
                continue
            if row.our_doi is None:
                continue
            await self._rate_limiter.acquire()
            current = await self._datacite.find(row.our_doi)
            if current is None:
                found.append(_difference(row, "missing", "DataCite does not have it"))
            else:
                found += await self._compare(row, current, relatives)
        next_page = rows[-1].pid if len(rows) == QUERIED_PER_PAGE else None
        return await self._answer(found, len(rows), next_page, repair=repair)

    async def _unknown(self, doi: str, current: CurrentRegistration) -> list[Difference]:
        """Report a DOI with our prefix that we did not register, unless a record adopted it."""
        if await self._operator_store.find_by_name(doi):
            return []
        reason = f"{current.state} at DataCite, leads to {current.url}; no record has this DOI"
        return [{"pid": None, "doi": doi, "what": "unknown", "reason": reason}]

    async def _compare(
        self, row: RegistryRow, current: CurrentRegistration, relatives: Relatives
    ) -> list[Difference]:
        if _has_work(row):
            return []
        if row.state == "failed":
            return [_refusal(row)]
        related = relatives.related(row)
        registration, _ = await self._reconciler.desired_registration(row, related, current.state)
        found = _first_difference(row, registration, current)
        return [_difference(row, *found)] if found else []

    async def _answer(
        self, found: list[Difference], compared: int, next_page: str | None, *, repair: bool
    ) -> dict[str, Any]:
        pids = [d["pid"] for d in found if d["pid"] is not None]
        if repair and pids:
            await self._operator_store.requeue(pids)
            self._wake()
        return {"compared": compared, "differences": found, "next": next_page}


def _first_difference(
    row: RegistryRow, desired: Registration, current: CurrentRegistration
) -> tuple[str, str] | None:
    """Return what differs, and how."""
    properties = desired.different_properties(current)
    checks = (
        ("state", current.state != desired.state, f"is {current.state}, not {desired.state}"),
        ("url", current.url != desired.url, f"leads to {current.url}, not to {desired.url}"),
        ("handle", not desired.is_accepted(current), "DataCite has it, but it does not resolve"),
        ("metadata", bool(properties), f"differs in {', '.join(properties)}"),
        ("registry", row.registered_hash != desired.hash, "the registry's hash is outdated"),
    )
    return next(((what, reason) for what, differs, reason in checks if differs), None)


def _refusal(row: RegistryRow) -> Difference:
    return _difference(row, "refused", row.problem or "the record cannot have a DOI as it is")


def _difference(row: RegistryRow, what: str, reason: str) -> Difference:
    return {"pid": row.pid, "doi": row.our_doi, "what": what, "reason": reason}


def _has_work(row: RegistryRow) -> bool:
    """True if its state at DataCite may change at any moment."""
    return bool(row.needs_work and row.waiting_since)
