"""Rules about an identifier's state: whether it may be public, and what related records see."""

from datetime import datetime

from portal_shared.contracts.records import DoiLevel, row_doi_level

from portal_doi.domain.registration import State
from portal_doi.domain.row import RegistryRow, RelativeRow

OURS = ("pending", "minted")  # stages in which we register the DOI and update it
PUBLIC_ONCE = ("registered", "findable")


def why_closed(row: RegistryRow, now: datetime) -> str | None:
    """Return why its DOI may not be findable now; None if it may."""
    if row.withdrawal:
        return "withdrawn"
    if row.operator_hold:
        return "hidden" if row.operator_hold == "hidden" else "reserved"
    release = release_date(row)
    if release and release > now:
        return "under embargo"
    return None if row.record.get("is_public", True) else "not public"


def release_date(row: RegistryRow) -> datetime | None:
    text = row.record.get("release_date")
    return datetime.fromisoformat(text) if text else None


def desired_state(closed: str | None, current: State | None, *, embargo: State) -> State:
    """Return the state for DataCite; what was public once is hidden and still resolves."""
    if closed is None:
        return "findable"
    if current in PUBLIC_ONCE:
        return "registered"
    return embargo if closed == "under embargo" else "draft"


def visible_doi(row: RelativeRow) -> str | None:
    """Return the DOI that related records may list: one that resolves, or is about to."""
    if row.never_public:
        return None
    if row.our_state in PUBLIC_ONCE:
        return row.doi
    is_known = row.state in (*OURS, "adopted")
    return row.doi if is_known and row.is_public else None


def is_undecided(row: RelativeRow | None) -> bool:
    """True if its record has not come yet, or DataCite has to be queried about its DOI first."""
    return row is None or (row.state == "pending" and row.doi is None)


def level_of(row: RelativeRow) -> DoiLevel:
    return row_doi_level({"level": row.level, "record": row.record})


def relatives_see_change(before: RegistryRow | None, after: RegistryRow) -> bool:
    """True if related records have to be updated."""
    visible = visible_doi(before) if before else None
    links = before.links if before else ()
    return visible != visible_doi(after) or links != after.links


def removed_relatives(before: RegistryRow | None, after: RegistryRow) -> list[str]:
    """Return the pids that it linked to and no longer does, until they have been updated."""
    if before is None:
        return []
    return sorted({*before.former_relatives, *before.related_pids} - {*after.related_pids})
