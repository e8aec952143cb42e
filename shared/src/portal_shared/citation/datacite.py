"""Maps a record to DataCite metadata, schema 4.5, and documents the source of each property.

publicationYear is the year of release or else of registration, never that of a scan. That of an
adopted DOI is not known without a release: it was published elsewhere, maybe in another year.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from portal_shared.citation import descriptions
from portal_shared.citation import relations as related
from portal_shared.citation.people import clean, contributors, creators
from portal_shared.citation.relations import Related
from portal_shared.contracts.identifiers import normalize_ror
from portal_shared.contracts.languages import is_language_tag
from portal_shared.contracts.licenses import SPDX_SITE, license_address, normalize_license
from portal_shared.contracts.records import Dataset, Document, Level, doi_level
from portal_shared.profile import Profile

Metadata = dict[str, Any]

SCHEMA = "http://datacite.org/schema/kernel-4"
UNKNOWN_YEAR = "0000"  # by DataCite, of a required property that has to be four digits


@dataclass(frozen=True)
class Withdrawal:
    reason: str
    at: datetime


@dataclass(frozen=True)
class Source:
    """Input of the mapping: a record with its history, relations and profile."""

    record: Document | Dataset
    profile: Profile
    registered: datetime | None = None  # in the portal
    updated: datetime | None = None  # when the portal received this version
    year: int | None = None  # of publication, if the record has none
    related: Sequence[Related] = ()  # records of this portal, by their DOIs
    withdrawal: Withdrawal | None = None
    adopted: bool = False  # its DOI was registered elsewhere

    @property
    def issued(self) -> datetime | None:
        """When the portal published the record with a DOI of its own."""
        return None if self.adopted else self.registered


@dataclass(frozen=True)
class Field:
    """A DataCite property: its source in words, and the record fields it reads."""

    name: str
    source: str
    reads: frozenset[str]
    make: Callable[[Source], Any]


def landing_page(site_url: str, level: Level, pid: str) -> str:
    return f"{site_url.rstrip('/')}/{level}s/{quote(pid, safe='')}"


def metadata(source: Source) -> Metadata:
    """Returns the DataCite metadata of a record.

    Empty lists are included: DataCite does not change properties that are missing.
    """
    made = {field.name: field.make(source) for field in FIELDS}
    return {"schemaVersion": SCHEMA, **{k: v for k, v in made.items() if v is not None}}


def _titles(source: Source) -> list[Metadata]:
    title = clean(source.record.title)
    return [{"title": title}] if title else []


def _publisher(source: Source) -> Metadata:
    publisher = source.profile.publisher
    identifier = normalize_ror(publisher.ror)
    if not identifier:
        return {"name": publisher.name}
    return {
        "name": publisher.name,
        "publisherIdentifier": identifier,
        "publisherIdentifierScheme": "ROR",
        "schemeUri": "https://ror.org",
    }


def _year(source: Source) -> str | None:
    moment = source.record.release_date or source.issued
    year = moment.year if moment else source.year
    if year is None:
        return UNKNOWN_YEAR if source.adopted else None
    return str(year)


def known_year(made: Mapping[str, Any]) -> str | None:
    """Returns the year of publication in DataCite metadata; None if it is not known."""
    year = made.get("publicationYear")
    return str(year) if year and year != UNKNOWN_YEAR else None


def _types(source: Source) -> Metadata:
    level, rules = doi_level(source.record), source.profile.doi
    made = {"resourceTypeGeneral": rules.resource_types.get(level, "Other")}
    label = rules.resource_labels.get(level)
    return {"resourceType": label, **made} if label else made


def _language(source: Source) -> str | None:
    """Returns the language of the texts; DataCite accepts only tags of BCP 47."""
    given = clean(source.record.language)
    return given if is_language_tag(given) else source.profile.language


def _alternates(source: Source) -> list[Metadata]:
    record, facility = source.record, source.profile.facility
    identifiers = [(record.pid, f"{facility} pid")]
    if isinstance(record, Dataset):
        icat = str(record.icat_id) if record.icat_id is not None else ""
        identifiers += [
            (icat, f"{facility} ICAT dataset"),
            (record.proposal, f"{facility} proposal"),
        ]
    return descriptions.distinct(
        {"alternateIdentifier": text, "alternateIdentifierType": kind}
        for text, kind in ((clean(t), k) for t, k in identifiers)
        if text
    )


def _related(source: Source) -> list[Metadata]:
    return related.to_datacite([*source.related, *related.external_relations(source.record)])


def _formats(source: Source) -> list[str]:
    record = source.record
    found = record.files.formats if isinstance(record, Dataset) else ()
    return [text for text in map(clean, dict.fromkeys(found)) if text]


def _version(source: Source) -> str | None:
    return str(source.record.edition) if isinstance(source.record, Dataset) else None


def _rights(source: Source) -> list[Metadata]:
    """Returns the licence: of the SPDX list with its identifier, any other as text or address."""
    name = clean(source.record.license or source.profile.license)
    if not name:
        return []
    identifier = normalize_license(name)
    if identifier is None:
        address = {"rightsUri": name} if re.fullmatch(r"https?://\S+", name) else {}
        return [{"rights": name, **address}]
    return [
        {
            "rights": identifier,
            "rightsUri": license_address(identifier),
            "rightsIdentifier": identifier.lower(),
            "rightsIdentifierScheme": "SPDX",
            "schemeUri": SPDX_SITE,
        }
    ]


def _locations(source: Source) -> list[Metadata]:
    place = source.profile.location
    if place is None:
        return []
    point = {"pointLatitude": place.latitude, "pointLongitude": place.longitude}
    return [{"geoLocationPlace": place.name, "geoLocationPoint": point}]


def _dates(source: Source) -> list[Metadata]:
    return descriptions.dates(
        source.record,
        registered=source.issued,
        updated=source.updated,
        withdrawn=source.withdrawal.at if source.withdrawal else None,
    )


def _sizes(source: Source) -> list[str]:
    record = source.record
    return descriptions.sizes(record, source.profile) if isinstance(record, Dataset) else []


def _descriptions(source: Source) -> list[Metadata]:
    reason = source.withdrawal.reason if source.withdrawal else None
    return descriptions.descriptions(source.record, source.profile, reason=reason)


def _field(name: str, make: Callable[[Source], Any], reads: str, source: str) -> Field:
    return Field(name, source, frozenset(reads.split()), make)


FIELDS: tuple[Field, ...] = (
    _field(
        "creators",
        lambda s: creators(s.record.members),
        "members",
        "`members` in their order: name, ORCID if its check digit is right, affiliation with ROR",
    ),
    _field(
        "contributors",
        lambda s: contributors(s.record.members),
        "members",
        "`members[].roles` (CRediT): the nearest contributorType, else `Other`",
    ),
    _field("titles", _titles, "title", "`title`"),
    _field("publisher", _publisher, "", "profile `publisher`: name, ROR"),
    _field(
        "publicationYear",
        _year,
        "release_date",
        "year of `release_date`, else of the registration in the portal (`history[0].at`); of an "
        "adopted DOI without `release_date` 0000, DataCite's value for a year that is not known",
    ),
    _field(
        "types",
        _types,
        "type",
        "profile `doi.resource_types` and `doi.resource_labels` by level; a document whose `type` "
        "is `atlas` is of the level atlas",
    ),
    _field(
        "subjects",
        lambda s: descriptions.subjects(s.record, s.profile),
        "keywords techniques parameters",
        "`keywords` as they are; `techniques` (scheme PaNET); `parameters` that the profile has a "
        "vocabulary for (the organ: scheme UBERON)",
    ),
    _field(
        "dates",
        _dates,
        "created release_date start_date end_date",
        "Collected: `created`, or `start_date` to `end_date`; Created: `created`; Issued: "
        "`history[0].at`, not of an adopted DOI; Available: `release_date`, else Issued; Updated: "
        "`history[-1].at`; Withdrawn: `withdrawn_at`",
    ),
    _field(
        "language",
        _language,
        "language",
        "`language` if it is a tag of BCP 47, else profile `language`",
    ),
    _field(
        "alternateIdentifiers",
        _alternates,
        "pid icat_id proposal",
        "`pid`, `icat_id`, `proposal`",
    ),
    _field(
        "relatedIdentifiers",
        _related,
        "related",
        "DOIs of the records named by `datasets`, `documents`, `supersedes`, "
        "`superseded_by`, `relations`, or naming this one so; then `related` as it is given",
    ),
    _field(
        "sizes",
        _sizes,
        "size files parameters",
        "`size` or `files.bytes`; `files.count`; profile `doi.sizes` over `parameters` (voxels)",
    ),
    _field("formats", _formats, "files", "`files.formats`"),
    _field("version", _version, "edition", "`edition`: the version of the files"),
    _field(
        "rightsList",
        _rights,
        "license",
        "`license`, else profile `license`; with its scheme if it is on the SPDX list",
    ),
    _field(
        "descriptions",
        _descriptions,
        "summary techniques instrument samples parameters",
        "Abstract: `summary`; Methods: `techniques`, `instrument`, `samples[].description` and the "
        "`parameters` of profile `doi.methods`; TechnicalInfo: those of `doi.technical`; Other: "
        "`reason` of a withdrawal",
    ),
    _field(
        "fundingReferences",
        lambda s: descriptions.funding(s.record, s.profile),
        "funding proposal",
        "`funding`; `proposal` as an award of profile `doi.awards`",
    ),
    _field("geoLocations", _locations, "", "profile `location`, that of the facility"),
)
