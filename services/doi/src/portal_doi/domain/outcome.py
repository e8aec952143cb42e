"""What is kept of an outcome, and what is said of it: nothing that was said before. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from portal_shared.contracts.events import (
    DatasetRegistered,
    DocumentRegistered,
    DoiFailed,
    DoiMinted,
    Event,
)
from portal_shared.contracts.records import Dataset, Document

from portal_doi.domain.registration import Registration, State

Row: TypeAlias = Mapping[str, Any]
Fields: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Dead:
    """To be laid with the dead letters, from where it can be replayed."""

    event: DatasetRegistered | DocumentRegistered
    reason: str
    message_id: str


@dataclass(frozen=True)
class Outcome:
    fields: Fields = field(default_factory=Fields)
    events: tuple[Event, ...] = ()
    dead: Dead | None = None


def adopted(row: Row, doi: str, state: State) -> Outcome:
    """A DOI that is not ours, as it stands."""
    url = f"https://doi.org/{doi}"
    event = _minted(row, doi=doi, url=url, adopted=True, state=state)
    fields: Fields = {"state": "adopted", "doi": doi, "url": url, "doi_state": state}
    return Outcome({**fields, "problem": None, **_said(row, event)}, _news(row, event))


def minted(row: Row, meant: Registration) -> Outcome:
    """DataCite holds what was meant."""
    event = _minted(row, doi=meant.doi, url=meant.url, adopted=False, state=meant.state)
    fields: Fields = {
        **held(meant),
        "state": "minted",
        "doi": meant.doi,
        "url": meant.url,
        "doi_state": meant.state,
        "problem": None,
        **_said(row, event),
    }
    return Outcome(fields, _news(row, event))


def held(meant: Registration) -> Fields:
    """What DataCite was last told."""
    return {"own_state": meant.state, "told": meant.hash}


def failed(row: Row, reason: str) -> Outcome:
    """It will not do as it is; a newer version, or the dead letter replayed, is tried again."""
    event = DoiFailed(pid=row["_id"], level=row["level"], version=row["version"], reason=reason)
    fields: Fields = {"state": "failed", "problem": reason, "said": None}
    return Outcome(fields, (event,), _dead(row, reason))


def reserved(row: Row, meant: Registration, reason: str) -> Outcome:
    """A draft of what is right, kept until the record is complete."""
    failure = failed(row, reason)
    return replace(failure, fields={**held(meant), "doi_state": meant.state, **failure.fields})


def without() -> Fields:
    """It brought no DOI, and its profile wants none."""
    return {"state": "none", "doi": None, "url": None, "doi_state": None, "said": None}


def _dead(row: Row, reason: str) -> Dead | None:
    """Without the community's details, which no DOI is made of."""
    version, record = row["version"], row["record"]
    if version == 0:
        return None
    event = (
        DatasetRegistered(dataset=Dataset.model_validate(record), version=version)
        if row["level"] == "dataset"
        else DocumentRegistered(document=Document.model_validate(record), version=version)
    )
    return Dead(event, reason, f"doi:{version}:{row['_id']}")


def _minted(row: Row, *, doi: str, url: str, adopted: bool, state: State) -> DoiMinted:
    return DoiMinted(
        pid=row["_id"],
        level=row["level"],
        version=row["version"],
        doi=doi,
        url=url,
        adopted=adopted,
        state=state,
        revision=row["revision"] + 1,
    )


def _gist(event: DoiMinted) -> dict[str, Any]:
    return event.model_dump(include={"doi", "url", "adopted", "state"})


def _said(row: Row, event: DoiMinted) -> Fields:
    gist = _gist(event)
    return {} if row["said"] == gist else {"said": gist, "revision": event.revision}


def said_event(row: Row) -> DoiMinted:
    """What was last said, again."""
    shown = {"pid": row["_id"], "level": row["level"], "version": row["version"]}
    return DoiMinted(**shown, **row["said"], revision=row["revision"])


def _news(row: Row, event: DoiMinted) -> tuple[Event, ...]:
    return () if row.get("said") == _gist(event) else (event,)
