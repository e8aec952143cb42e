"""Where an identifier stands: public or not, and what its record's relatives see of it. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from portal_doi.domain.registration import State

Row: TypeAlias = Mapping[str, Any]

OURS = ("pending", "minted")  # those whose DOI is registered and kept up by us
PUBLIC_ONCE = ("registered", "findable")


def why_closed(row: Row, now: datetime) -> str | None:
    """Why its DOI may not be findable now; None when it may."""
    if row["withdrawn"]:
        return "withdrawn"
    if row["hold"]:
        return "hidden" if row["hold"] == "hidden" else "reserved"
    until = released_at(row)
    if until and until > now:
        return "under embargo"
    return None if row["record"].get("is_public", True) else "not public"


def released_at(row: Row) -> datetime | None:
    text = row["record"].get("release_date")
    return datetime.fromisoformat(text) if text else None


def wanted_state(closed: str | None, now: State | None, *, embargo: State) -> State:
    """What was public once cannot become a draft again: it is hidden, and resolves as before."""
    if closed is None:
        return "findable"
    if now in PUBLIC_ONCE:
        return "registered"
    return embargo if closed == "under embargo" else "draft"


def visible_doi(row: Row) -> str | None:
    """The DOI that others may name as related: one that leads somewhere, or is about to."""
    if row["own_state"] in PUBLIC_ONCE:
        return row["doi"]
    known = row["state"] in (*OURS, "adopted")
    return row["doi"] if known and row["open"] else None


def is_undecided(row: Row | None) -> bool:
    """Not heard of yet, or DataCite has to be asked first."""
    return row is None or (row["state"] == "pending" and row["doi"] is None)


def names(row: Row | None) -> list[str]:
    """Pids of the records it names."""
    return list(dict.fromkeys(pid for _, pid in row["links"])) if row else []


def relatives_see_change(before: Row | None, after: Row) -> bool:
    shown = visible_doi(before) if before else None
    links = [tuple(link) for link in before["links"]] if before else []
    return shown != visible_doi(after) or links != [tuple(link) for link in after["links"]]


def left_behind(before: Row | None, after: Row) -> list[str]:
    """Those it named before, and no more, that have not been told so."""
    waiting = before["left"] if before else ()
    return sorted({*waiting, *names(before)} - {*names(after)})
