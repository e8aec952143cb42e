"""What the relatives of a record see of its identifier, and when that changes. Pure."""

from collections.abc import Mapping
from typing import Any, TypeAlias

Row: TypeAlias = Mapping[str, Any]

OURS = ("pending", "minted")  # those whose DOI is registered and kept up by us


def visible_doi(row: Row) -> str | None:
    """The DOI that others may name as related: of a public record, registered or about to be."""
    known = row["state"] in (*OURS, "adopted") or row["own_state"] is not None
    return row["doi"] if known and row["record"].get("is_public", True) else None


def is_undecided(row: Row | None) -> bool:
    """Not heard of yet, or DataCite has to be asked first."""
    return row is None or (row["state"] == "pending" and row["doi"] is None)


def datasets_of(row: Row | None) -> tuple[str, ...]:
    """Those a document names; none for a dataset."""
    return tuple(row["record"].get("datasets", ())) if row else ()


def relatives_see_change(before: Row | None, after: Row) -> bool:
    shown = visible_doi(before) if before else None
    return shown != visible_doi(after) or datasets_of(before) != datasets_of(after)


def datasets_left(before: Row | None, after: Row) -> list[str]:
    """Those it named before, and no more, that have not been told so."""
    waiting = before["left"] if before else ()
    return sorted({*waiting, *datasets_of(before)} - {*datasets_of(after)})
