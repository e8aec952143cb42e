"""The desired registration of a record: made from its row and its relatives."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from portal_shared import profile as profiles
from portal_shared.citation.datacite import Metadata, Source, landing_page, metadata
from portal_shared.citation.relations import Related
from portal_shared.contracts.records import Dataset, Document

from portal_doi.domain.registration import Registration, State
from portal_doi.domain.row import RESERVED, RegistryRow
from portal_doi.domain.state import desired_state, why_closed

MAX_TITLE_CHARACTERS = 10_000


def desired_registration(
    row: RegistryRow,
    related: Sequence[Related],
    *,
    site_url: str,
    now: datetime,
    current_state: State | None,
) -> Registration:
    """Return what DataCite should have; `current_state` is what it has, as far as we know."""
    if row.our_doi is None:
        raise ValueError(f"{row.pid} has no DOI of ours")
    url = landing_page(site_url, row.level, row.pid)
    if row.version == RESERVED:
        return Registration(row.our_doi, url, "draft", {}, current_state)
    model = Document if row.level == "document" else Dataset
    record = model.model_validate(row.record)
    profile = profiles.load(record.profile)
    state = desired_state(why_closed(row, now), current_state, embargo=profile.doi.embargo)
    source = Source(
        record,
        profile,
        registered=row.registered_at,
        updated=row.changed_at,
        year=row.year,
        related=related,
        withdrawal=row.withdrawal if row.was_public else None,
    )
    return Registration(row.our_doi, url, state, metadata(source), current_state)


def as_draft(registration: Registration, invalid: Sequence[str]) -> Registration:
    """Return the registration as a draft without the invalid properties."""
    valid: Metadata = {k: v for k, v in registration.metadata.items() if k not in invalid}
    return Registration(
        registration.doi, registration.url, "draft", valid, registration.current_state
    )


def too_long(registration: Registration) -> dict[str, str]:
    """Return what is too long, by property: the schema allows it, but no reader would."""
    titles: Sequence[Mapping[str, str]] = registration.metadata.get("titles", ())
    length = max((len(t["title"]) for t in titles), default=0)
    if length <= MAX_TITLE_CHARACTERS:
        return {}
    return {"titles": f"has {length} characters; at most {MAX_TITLE_CHARACTERS} are allowed"}
