"""From a record to a row of the registry: what is meant to become of its identifier."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from portal_shared import profile as profiles
from portal_shared.errors import PortalError, Unavailable
from portal_shared.events import Event
from portal_shared.model import Dataset, Document, Level
from portal_shared.mongo import Doc, DuplicateKeyError
from portal_shared.observe import correlation_id, logger

from portal_doi import outcomes, suffixes
from portal_doi.deciding import Adopt, Ask, Decision, Leave, decide
from portal_doi.registry import Registry, new_row
from portal_doi.standing import OURS

log = logger(__name__)

MOST_ATTEMPTS = 20
# What is kept of a record whose DOI is not ours: what its relatives ask for.
AT_REST = {"pid", "profile", "doi", "is_public", "document", "datasets"}


def intended(
    record: Document | Dataset,
    version: int,
    before: Mapping[str, Any],
    *,
    prefix: str,
    attempt: int,
    now: datetime,
) -> tuple[Doc, list[Event]]:
    """The changed fields of the row, and what can be said at once."""
    level: Level = "document" if isinstance(record, Document) else "dataset"
    heard: Doc = {
        "level": level,
        "version": version,
        "record": record.model_dump(mode="json", include=AT_REST),
        "problem": None,
        "tries": 0,
        "asked": 0,
        "waiting": False,
        "due": None,
        "since": None,
    }
    row = {**before, **heard}
    try:
        mint = profiles.load(record.profile).doi.mint
        decision = decide(record.doi, level, mint=mint, prefix=prefix, own=before["own"])
    except PortalError as error:
        fields, events = outcomes.failed(row, str(error))
        return {**heard, **fields}, events
    if isinstance(decision, Leave):
        return {**heard, **outcomes.without()}, []
    theirs = _adopted(decision, before)
    if theirs:
        fields, events = outcomes.adopted(row, *theirs)
        return {**heard, **fields}, events
    told = record.model_dump(mode="json", exclude={"details"})
    to_do: Doc = {**heard, "record": told, "waiting": True, "due": now, "since": now}
    to_do["state"] = "pending"
    if isinstance(decision, Ask):
        return {**to_do, "doi": None}, []
    own: str = before["own"] or f"{prefix}/{suffixes.suffix(record.pid, attempt)}"
    kept_up = before["state"] in OURS and before["doi"] == own
    return {**to_do, "own": own, "doi": own, **({"state": before["state"]} if kept_up else {})}, []


def _adopted(decision: Decision, before: Mapping[str, Any]) -> tuple[str, Any] | None:
    """DOI and state of one that is not ours; what DataCite was asked about is not asked again."""
    if isinstance(decision, Adopt):
        return decision.doi, "findable"
    if isinstance(decision, Ask) and before["state"] == "adopted" and before["doi"] == decision.doi:
        return decision.doi, before["doi_state"]
    return None


async def keep_intent(
    record: Document | Dataset, version: int, registry: Registry, *, prefix: str
) -> bool:
    """Keep what is meant, durably; False for a version that is not newer than what is kept."""
    attempt = 0
    for _ in range(MOST_ATTEMPTS):
        before = await registry.find(record.pid)
        if before and before["version"] >= version:
            return False
        now = await registry.clock.now()
        old = before or new_row(record.pid, now)
        fields, events = intended(record, version, old, prefix=prefix, attempt=attempt, now=now)
        try:
            if await registry.keep({**fields, "correlation_id": correlation_id()}, events, old):
                return True
        except DuplicateKeyError:
            if fields.get("own") and await registry.has_doi(fields["own"], but=record.pid):
                log.warning("another record has this DOI", doi=fields["own"], pid=record.pid)
                attempt += 1
    raise Unavailable(f"the identifier of {record.pid} changes faster than it can be kept")
