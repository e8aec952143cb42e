"""What DataCite is meant to hold of a record: from its registry row and its relatives. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from portal_shared import profile as profiles
from portal_shared.citation.datacite import Metadata, Source, Withdrawal, landing_page, metadata
from portal_shared.citation.relations import Related
from portal_shared.contracts.records import Dataset, Document

from portal_doi.domain.registration import Registration, State
from portal_doi.domain.state import wanted_state, why_closed

LONGEST_TITLE = 10_000  # characters


def record_of(row: Mapping[str, Any]) -> Document | Dataset | None:
    """None for a DOI that was reserved before its record came."""
    if row["version"] == 0:
        return None
    model = Document if row["level"] == "document" else Dataset
    return model.model_validate(row["record"])


def meant(
    row: Mapping[str, Any],
    related: Sequence[Related],
    *,
    site_url: str,
    now: datetime,
    stands: State | None,
) -> Registration:
    """`stands` is the state that DataCite has it in, as far as we know."""
    url = landing_page(site_url, row["level"], row["_id"])
    record = record_of(row)
    if record is None:
        return Registration(row["own"], url, "draft", {}, stands)
    profile = profiles.load(record.profile)
    state = wanted_state(why_closed(row, now), stands, embargo=profile.doi.embargo)
    withdrawn = row["withdrawn"]
    source = Source(
        record,
        profile,
        registered=row["registered_at"],
        updated=row["changed_at"],
        year=row["year"],
        related=related,
        withdrawal=Withdrawal(withdrawn["reason"], withdrawn["at"]) if withdrawn else None,
    )
    return Registration(row["own"], url, state, metadata(source), stands)


def as_draft(registration: Registration, faulty: Sequence[str]) -> Registration:
    """The same, reserved, with what can be kept of it."""
    kept: Metadata = {k: v for k, v in registration.metadata.items() if k not in faulty}
    return Registration(registration.doi, registration.url, "draft", kept, registration.now)


def too_long(registration: Registration) -> dict[str, str]:
    """Properties that the schema takes and no reader would."""
    titles: Sequence[Mapping[str, str]] = registration.metadata.get("titles", ())
    longest = max((len(t["title"]) for t in titles), default=0)
    if longest <= LONGEST_TITLE:
        return {}
    return {"titles": f"{longest} characters are more than the {LONGEST_TITLE} a title may have"}
