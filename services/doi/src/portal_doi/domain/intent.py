"""Intents: what should become of a record's identifier, from the record and its row."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from portal_shared import profile as profiles
from portal_shared.citation.datacite import Withdrawal
from portal_shared.citation.relations import linked_pids
from portal_shared.contracts.events import DatasetWithdrawn, DocumentWithdrawn
from portal_shared.contracts.records import Change, Dataset, Document, doi_level
from portal_shared.runtime.errors import PortalError

from portal_doi.domain import outcome as outcomes
from portal_doi.domain import suffix as suffixes
from portal_doi.domain.outcome import Outcome
from portal_doi.domain.policy import Adopt, Decision, LookUp, NotRequired, decide
from portal_doi.domain.registration import State
from portal_doi.domain.row import RegistryRow, RowChanges
from portal_doi.domain.state import OURS, why_closed

_NO_WORK: RowChanges = {
    "problem": None,
    "failures": 0,
    "unconfirmed_puts": 0,
    "needs_work": False,
    "next_attempt_at": None,
    "waiting_since": None,
}


def registration_intent(
    record: Document | Dataset,
    version: int,
    before: RegistryRow,
    *,
    prefix: str,
    attempt: int = 0,
    now: datetime,
    history: Sequence[Change] = (),
) -> Outcome:
    """Return the changes of the row, and the events that can be published at once.

    `attempt` counts the suffixes that were tried for the record and belong to other records.
    """
    received = _received(record, version, before, history)
    row = before.changed(received)
    is_hidden = why_closed(replace(row, operator_hold=None), now) is not None
    received["is_public"] = why_closed(row, now) is None
    received["never_public"] = is_hidden and not before.was_public
    if is_hidden and before.was_public:
        received |= _as_it_was_public(record, before)
    row = before.changed(received)
    try:
        rules = profiles.load(record.profile).doi
        decision = decide(
            record.doi, doi_level(record), rules=rules, prefix=prefix, our_doi=before.our_doi
        )
    except PortalError as error:
        return _added(received, outcomes.failed(row, str(error)))
    if isinstance(decision, NotRequired):
        return Outcome({**received, **outcomes.not_required()})
    adopted = _adopted(decision, before)
    if adopted:
        return _added(received, outcomes.adopted(row, *adopted))
    work: RowChanges = {
        **received,
        "needs_work": True,
        "next_attempt_at": now,
        "waiting_since": now,
        "state": "pending",
    }
    if isinstance(decision, LookUp):
        return Outcome({**work, "doi": None})
    suffix = suffixes.suffix(record.pid, attempt, rules.suffix)
    our_doi = before.our_doi or f"{prefix}/{suffix}"
    work = {**work, "our_doi": our_doi, "doi": our_doi}
    if before.state in OURS and before.doi == our_doi:
        work["state"] = before.state
    return Outcome(work)


def withdrawal_intent(
    event: DatasetWithdrawn | DocumentWithdrawn, before: RegistryRow, *, now: datetime
) -> Outcome:
    """Return the changes for a withdrawn record: only a DOI of ours is updated at DataCite."""
    changes: RowChanges = {
        **_NO_WORK,
        "level": "dataset" if isinstance(event, DatasetWithdrawn) else "document",
        "version": event.version,
        "withdrawal": Withdrawal(event.reason, event.withdrawn_at),
        "changed_at": event.withdrawn_at,
        "is_public": False,
    }
    if before.our_doi:
        changes["state"] = before.state if before.state in OURS else "pending"
        changes["needs_work"] = True
        changes["next_attempt_at"] = changes["waiting_since"] = now
    if event.last_public is not None:
        changes |= _content(event.last_public)
        changes["never_public"] = False
    elif not before.record.get("title"):
        changes["record"] = {"pid": event.pid, "title": event.title}
        changes["never_public"] = True
    return Outcome(changes)


def _received(
    record: Document | Dataset, version: int, before: RegistryRow, history: Sequence[Change]
) -> RowChanges:
    return {
        **_NO_WORK,
        **_content(record),
        "level": "document" if isinstance(record, Document) else "dataset",
        "version": version,
        "withdrawal": None,
        "registered_at": history[0].at if history else before.registered_at,
        "changed_at": history[-1].at if history else before.changed_at,
    }


def _content(record: Document | Dataset) -> RowChanges:
    links = tuple(linked_pids(record))
    return {
        "record": record.model_dump(mode="json", exclude={"details"}),
        "links": links,
        "related_pids": tuple(dict.fromkeys(pid for _, pid in links)),
    }


def _as_it_was_public(hidden: Document | Dataset, before: RegistryRow) -> RowChanges:
    """Return the content of a row whose record is hidden: its DOI stays as it was public.

    Only the visibility is taken from the hidden version.
    """
    visibility: dict[str, Any] = {"is_public": False}
    if hidden.is_public and hidden.release_date:  # it is public again on that day
        visibility = {"release_date": hidden.release_date.isoformat()}
    return {
        "record": {**before.record, **visibility},
        "links": before.links,
        "related_pids": before.related_pids,
        "registered_at": before.registered_at,
        "changed_at": before.changed_at,
    }


def _added(received: RowChanges, outcome: Outcome) -> Outcome:
    return replace(outcome, changes={**received, **outcome.changes})


def _adopted(decision: Decision, before: RegistryRow) -> tuple[str, State] | None:
    """Return DOI and state of one that is not ours, without querying DataCite a second time."""
    if isinstance(decision, Adopt):
        return decision.doi, "findable"
    if isinstance(decision, LookUp) and before.state == "adopted" and before.doi == decision.doi:
        return decision.doi, before.doi_state or "findable"
    return None
