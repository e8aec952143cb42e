"""A record as DataCite metadata, schema 4.5. Pure.

publicationYear is the year of release, or else of the registration: never that of a scan.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from portal_shared.model import Dataset, Document, Level
from portal_shared.profile import Profile

from portal_doi.people import contributors, creators, ror
from portal_doi.wording import clean

Metadata = dict[str, Any]
Relation = Literal["HasPart", "IsPartOf"]

SCHEMA = "http://datacite.org/schema/kernel-4"
PANET = "http://purl.org/pan-science/PaNET/"


@dataclass(frozen=True)
class Related:
    relation: Relation
    doi: str
    level: Level


def landing_page(site_url: str, level: Level, pid: str) -> str:
    return f"{site_url.rstrip('/')}/{level}s/{quote(pid, safe='')}"


def metadata(
    record: Document | Dataset, profile: Profile, *, year: int, related: Sequence[Related] = ()
) -> Metadata:
    """All that is known of it; `year` is that of its registration.

    Every list is there, empty too: DataCite keeps what it is not told to change.
    """
    level: Level = "document" if isinstance(record, Document) else "dataset"
    return {
        "schemaVersion": SCHEMA,
        "creators": creators(record.members),
        "contributors": contributors(record.members),
        "titles": [{"title": title}] if (title := clean(record.title)) else [],
        "publisher": _publisher(profile),
        "publicationYear": str(_published(record) or year),
        "types": {"resourceTypeGeneral": profile.doi.resource_types.get(level, "Other")},
        "subjects": _subjects(record),
        "dates": _dates(record),
        "alternateIdentifiers": _alternates(record, profile),
        "relatedIdentifiers": [_related(r, profile) for r in _once(related)],
        "rightsList": _rights(record.license or profile.license),
        "sizes": _sizes(record) if isinstance(record, Dataset) else [],
        "descriptions": _descriptions(record) if isinstance(record, Document) else [],
    }


def _published(record: Document | Dataset) -> int | None:
    released = record.release_date if isinstance(record, Document) else None
    return released.year if released else None


def _publisher(profile: Profile) -> Metadata:
    identifier = ror(profile.publisher.ror)
    if not identifier:
        return {"name": profile.publisher.name}
    return {
        "name": profile.publisher.name,
        "publisherIdentifier": identifier,
        "publisherIdentifierScheme": "ROR",
        "schemeUri": "https://ror.org",
    }


def _subjects(record: Document | Dataset) -> list[Metadata]:
    found: list[Metadata] = [{"subject": k} for k in map(clean, record.keywords) if k]
    for technique in record.techniques if isinstance(record, Dataset) else ():
        subject: Metadata = {"subject": clean(technique.name)}
        if technique.pid.startswith(PANET):
            subject |= {
                "subjectScheme": "PaNET",
                "schemeUri": PANET,
                "valueUri": technique.pid,
                "classificationCode": technique.panet_id or technique.pid.removeprefix(PANET),
            }
        found.append(subject)
    return _distinct(s for s in found if s["subject"])


def _dates(record: Document | Dataset) -> list[Metadata]:
    if isinstance(record, Dataset):
        return [{"date": _day(record.created), "dateType": "Created"}]
    found: list[Metadata] = []
    days = [_day(d) for d in (record.start_date, record.end_date) if d]
    if days:
        found.append({"date": "/".join(dict.fromkeys(days)), "dateType": "Collected"})
    if record.release_date:
        found.append({"date": _day(record.release_date), "dateType": "Available"})
    return found


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def _alternates(record: Document | Dataset, profile: Profile) -> list[Metadata]:
    named = [(record.pid, f"{profile.facility} pid")]
    if isinstance(record, Dataset) and clean(record.proposal):
        named.append((clean(record.proposal), f"{profile.facility} proposal"))
    return _distinct(
        {"alternateIdentifier": text, "alternateIdentifierType": kind}
        for text, kind in ((clean(t), k) for t, k in named)
        if text
    )


def _once(related: Sequence[Related]) -> list[Related]:
    """Records may share a DOI: it is named once."""
    return list(dict.fromkeys(related))


def _related(related: Related, profile: Profile) -> Metadata:
    return {
        "relatedIdentifier": related.doi,
        "relatedIdentifierType": "DOI",
        "relationType": related.relation,
        "resourceTypeGeneral": profile.doi.resource_types.get(related.level, "Other"),
    }


def _rights(license_id: str | None) -> list[Metadata]:
    name = clean(license_id)
    if not name:
        return []
    return [
        {
            "rights": name,
            "rightsUri": f"https://spdx.org/licenses/{quote(name)}.html",
            "rightsIdentifier": name.lower(),
            "rightsIdentifierScheme": "SPDX",
            "schemeUri": "https://spdx.org/licenses/",
        }
    ]


def _sizes(record: Dataset) -> list[str]:
    size = record.size if record.size is not None else record.files.bytes
    told = [f"{size} bytes"] if size else []
    return [*told, f"{record.files.count} files"] if record.files.count else told


def _descriptions(record: Document) -> list[Metadata]:
    summary = clean(record.summary)
    return [{"description": summary, "descriptionType": "Abstract"}] if summary else []


def _distinct(items: Iterable[Metadata]) -> list[Metadata]:
    found: list[Metadata] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found
