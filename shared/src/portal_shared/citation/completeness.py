"""What a record lacks for a public DOI, before it is registered."""

from datetime import UTC, datetime
from typing import Any

from portal_shared.citation.datacite import FIELDS, Source
from portal_shared.contracts.jobs import DatasetIn, DocumentIn
from portal_shared.contracts.records import Dataset, Document, doi_level
from portal_shared.profile import Profile

REQUIRED = ("creators", "titles", "publisher", "publicationYear", "types")  # DataCite 4.5
_JOB_ONLY = {"pid", "files", "manifest", "other_datasets"}


def missing_properties(given: DatasetIn | DocumentIn, profile: Profile) -> dict[str, list[str]]:
    """Returns the properties that DataCite requires and that the record does not give.

    By property, the record fields that it is made from. Empty if the portal registers no DOI for
    the record.
    """
    content: dict[str, Any] = {
        **given.model_dump(exclude=_JOB_ONLY),
        "pid": given.pid or given.name,
        "profile": profile.name,
    }
    model = Dataset if isinstance(given, DatasetIn) else Document
    record = model.model_validate(content)
    if given.doi or doi_level(record) not in profile.doi.mint:
        return {}
    source = Source(record, profile, registered=datetime.now(UTC))
    required = [field for field in FIELDS if field.name in REQUIRED]
    return {field.name: sorted(field.reads) for field in required if not field.make(source)}
