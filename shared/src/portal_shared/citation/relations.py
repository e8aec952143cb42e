"""Relations between records and works, with the relation types of DataCite and their inverses."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from portal_shared.contracts.identifiers import bare_doi, is_doi
from portal_shared.contracts.records import Dataset, Document, DoiLevel, RelationType, ResourceType

_PAIRS = (
    ("HasPart", "IsPartOf"),
    ("IsDerivedFrom", "IsSourceOf"),
    ("IsNewVersionOf", "IsPreviousVersionOf"),
    ("IsVersionOf", "HasVersion"),
    ("References", "IsReferencedBy"),
    ("Cites", "IsCitedBy"),
    ("IsDocumentedBy", "Documents"),
    ("IsSupplementTo", "IsSupplementedBy"),
    ("Continues", "IsContinuedBy"),
    ("Describes", "IsDescribedBy"),
    ("HasMetadata", "IsMetadataFor"),
    ("Compiles", "IsCompiledBy"),
    ("Collects", "IsCollectedBy"),
    ("IsVariantFormOf", "IsOriginalFormOf"),
    ("Reviews", "IsReviewedBy"),
    ("Requires", "IsRequiredBy"),
    ("Obsoletes", "IsObsoletedBy"),
    ("IsIdenticalTo", "IsIdenticalTo"),
)
COUNTERPARTS: dict[str, str] = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}
TYPES: frozenset[str] = frozenset(get_args(RelationType))
RESOURCE_TYPES: frozenset[str] = frozenset(get_args(ResourceType))
_PARTS = ("documents", "datasets")  # fields of a document
_VERSIONS = (("supersedes", "IsNewVersionOf"), ("superseded_by", "IsPreviousVersionOf"))
_URL = re.compile(r"https?://[^\s/]+(/\S*)?", re.IGNORECASE)
_ARXIV = re.compile(r"arxiv:\S+", re.IGNORECASE)


@dataclass(frozen=True)
class Related:
    """A related work; for records of this portal, `identifier` is their DOI."""

    relation: str
    identifier: str
    resource_type: str | None = None


def linked_pids(record: Document | Dataset) -> list[tuple[str, str]]:
    """Returns relation type and pid of every record of this portal that the record links to.

    The documents that list a dataset link to it; the dataset does not link to them.
    """
    found: list[tuple[str, str]] = []
    if isinstance(record, Document):
        found += [("HasPart", pid) for pid in (*record.documents, *record.datasets)]
    else:
        if record.supersedes:
            found.append(("IsNewVersionOf", record.supersedes))
        if record.superseded_by:
            found.append(("IsPreviousVersionOf", record.superseded_by))
    found += [(r.type, r.pid) for r in record.relations]
    return list(dict.fromkeys(found))


def stored_links(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns the same as linked_pids, for a record in its stored JSON form."""
    found = [("HasPart", pid) for name in _PARTS for pid in record.get(name) or ()]
    found += [(relation, record[name]) for name, relation in _VERSIONS if record.get(name)]
    return found + [(r["type"], r["pid"]) for r in record.get("relations") or ()]


def incoming_relations(links: Iterable[Sequence[str]], pid: str) -> list[str]:
    """Returns what the record `pid` is to another record, whose links these are."""
    return [
        COUNTERPARTS[relation]
        for relation, target in links
        if target == pid and relation in COUNTERPARTS
    ]


def related_by_doi(
    found: Iterable[tuple[str, str, DoiLevel]],
    *,
    resource_types: Mapping[DoiLevel, str],
    own_doi: str | None,
) -> list[Related]:
    """Returns related records of this portal, given by relation, DOI and level.

    Records that share the DOI `own_doi` are left out.
    """
    return [
        Related(relation, doi, resource_types.get(level, "Other"))
        for relation, doi, level in found
        if doi != own_doi
    ]


def external_relations(record: Document | Dataset) -> list[Related]:
    """Returns the related works outside of this portal, as given in the record."""
    return [
        Related(r.relation, r.identifier, r.type)
        for r in record.related
        if r.relation in TYPES and identifier_type(r.identifier)
    ]


def identifier_type(identifier: str) -> str | None:
    """Returns the relatedIdentifierType: DOI, URL or arXiv; None for other texts."""
    text = identifier.strip()
    if is_doi(text):
        return "DOI"
    if _URL.fullmatch(text):
        return "URL"
    return "arXiv" if _ARXIV.fullmatch(text) else None


def to_datacite(related: Iterable[Related]) -> list[dict[str, Any]]:
    """Returns DataCite's relatedIdentifiers, without duplicates: records may share a DOI."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for one in related:
        kind = identifier_type(one.identifier)
        if kind is None:
            continue
        text = bare_doi(one.identifier) if kind == "DOI" else one.identifier.strip()
        made = {
            "relatedIdentifier": text,
            "relatedIdentifierType": kind,
            "relationType": one.relation,
        }
        if one.resource_type in RESOURCE_TYPES:
            made["resourceTypeGeneral"] = one.resource_type
        found.setdefault((one.relation, text), made)
    return list(found.values())
