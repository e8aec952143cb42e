"""From a record to a row of the registry: what is meant to become of its identifier. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias

from portal_shared import profile as profiles
from portal_shared.citation.relations import linked_pids
from portal_shared.contracts.events import DatasetWithdrawn, DocumentWithdrawn
from portal_shared.contracts.records import Change, Dataset, Document, Level, doi_level
from portal_shared.runtime.errors import PortalError

from portal_doi.domain import outcome as outcomes
from portal_doi.domain import suffix as suffixes
from portal_doi.domain.outcome import Outcome
from portal_doi.domain.policy import Adopt, Ask, Decision, Leave, decide
from portal_doi.domain.state import OURS, why_closed

Doc: TypeAlias = dict[str, Any]


def intended(
    record: Document | Dataset,
    version: int,
    before: Mapping[str, Any],
    *,
    prefix: str,
    attempt: int = 0,
    now: datetime,
    history: Sequence[Change] = (),
) -> Outcome:
    """The changed fields of the row, and what can be said at once."""
    level: Level = "document" if isinstance(record, Document) else "dataset"
    heard: Doc = {
        **_idle(),
        "level": level,
        "version": version,
        "record": record.model_dump(mode="json", exclude={"details"}),
        "links": [list(link) for link in linked_pids(record)],
        "names": list(dict.fromkeys(pid for _, pid in linked_pids(record))),
        "withdrawn": None,
        "registered_at": history[0].at if history else before["registered_at"],
        "changed_at": history[-1].at if history else before["changed_at"],
    }
    row = {**before, **heard}
    heard["open"] = why_closed(row, now) is None
    row["open"] = heard["open"]
    try:
        rules = profiles.load(record.profile).doi
        decision = decide(
            record.doi, doi_level(record), rules=rules, prefix=prefix, own=before["own"]
        )
    except PortalError as error:
        return _with(heard, outcomes.failed(row, str(error)))
    if isinstance(decision, Leave):
        return Outcome({**heard, **outcomes.without()})
    theirs = _adopted(decision, before)
    if theirs:
        return _with(heard, outcomes.adopted(row, *theirs))
    to_do: Doc = {**heard, "waiting": True, "due": now, "since": now, "state": "pending"}
    if isinstance(decision, Ask):
        return Outcome({**to_do, "doi": None})
    suffix = suffixes.suffix(record.pid, attempt, rules.suffix)
    own: str = before["own"] or f"{prefix}/{suffix}"
    kept_up = before["state"] in OURS and before["doi"] == own
    kept: Doc = {"state": before["state"]} if kept_up else {}
    return Outcome({**to_do, "own": own, "doi": own, **kept})


def _idle() -> Doc:
    return {"problem": None, "tries": 0, "asked": 0, "waiting": False, "due": None, "since": None}


def _with(heard: Doc, outcome: Outcome) -> Outcome:
    return replace(outcome, fields={**heard, **outcome.fields})


def _adopted(decision: Decision, before: Mapping[str, Any]) -> tuple[str, Any] | None:
    """DOI and state of one that is not ours; what DataCite was asked about is not asked again."""
    if isinstance(decision, Adopt):
        return decision.doi, "findable"
    if isinstance(decision, Ask) and before["state"] == "adopted" and before["doi"] == decision.doi:
        return decision.doi, before["doi_state"]
    return None


def withdrawn(
    event: DatasetWithdrawn | DocumentWithdrawn, before: Mapping[str, Any], *, now: datetime
) -> Outcome:
    """A tombstone: a DOI of ours that was public is hidden, one of others is left as it is."""
    fields: Doc = {
        **_idle(),
        "level": "dataset" if isinstance(event, DatasetWithdrawn) else "document",
        "version": event.version,
        "withdrawn": {"reason": event.reason, "at": event.withdrawn_at},
        "changed_at": event.withdrawn_at,
        "open": False,
    }
    if before["own"]:
        state = before["state"] if before["state"] in OURS else "pending"
        fields |= {"state": state, "waiting": True, "due": now, "since": now}
    if not before["record"].get("title"):
        fields["record"] = {"pid": event.pid, "title": event.title}
    return Outcome(fields)
