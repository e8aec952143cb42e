"""What is kept of an outcome, and what is said of it: nothing that was said before. Pure."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from portal_shared.events import DoiFailed, DoiMinted, Event

from portal_doi.registration import Registration, State

Row: TypeAlias = Mapping[str, Any]
Fields: TypeAlias = dict[str, Any]


def adopted(row: Row, doi: str, state: State) -> tuple[Fields, list[Event]]:
    """A DOI that is not ours, as it stands."""
    url = f"https://doi.org/{doi}"
    event = DoiMinted(
        pid=row["_id"],
        level=row["level"],
        version=row["version"],
        doi=doi,
        url=url,
        adopted=True,
        state=state,
    )
    fields: Fields = {"state": "adopted", "doi": doi, "url": url, "doi_state": state}
    return {**fields, "problem": None, "said": _gist(event)}, _news(row, event)


def minted(row: Row, meant: Registration) -> tuple[Fields, list[Event]]:
    """DataCite holds what was meant."""
    event = DoiMinted(
        pid=row["_id"],
        level=row["level"],
        version=row["version"],
        doi=meant.doi,
        url=meant.url,
        adopted=False,
        state=meant.state,
    )
    fields: Fields = {
        "state": "minted",
        "doi": meant.doi,
        "url": meant.url,
        "doi_state": meant.state,
        "own_state": meant.state,
        "told": meant.hash,
        "problem": None,
        "said": _gist(event),
    }
    return fields, _news(row, event)


def failed(row: Row, reason: str) -> tuple[Fields, list[Event]]:
    """It will not do as it is; a newer version of the record is tried again."""
    event = DoiFailed(pid=row["_id"], level=row["level"], version=row["version"], reason=reason)
    return {"state": "failed", "problem": reason, "said": None}, [event]


def without() -> Fields:
    """It brought no DOI, and its profile wants none."""
    return {"state": "none", "doi": None, "url": None, "doi_state": None, "said": None}


def _gist(event: DoiMinted) -> dict[str, Any]:
    return event.model_dump(include={"doi", "url", "adopted", "state"})


def _news(row: Row, event: DoiMinted) -> list[Event]:
    return [] if row.get("said") == _gist(event) else [event]
