"""Relations in DataCite's words: each has a counterpart, told from the other end. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, get_args

from portal_shared.contracts.records import Dataset, Document, RelationType, bare_doi

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
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_URL = re.compile(r"https?://[^\s/]+(/\S*)?", re.IGNORECASE)
_ARXIV = re.compile(r"arxiv:\S+", re.IGNORECASE)


@dataclass(frozen=True)
class Related:
    """`identifier` is a DOI where it is of this portal."""

    relation: str
    identifier: str
    resource_type: str | None = None


def linked_pids(record: Document | Dataset) -> list[tuple[str, str]]:
    """Relation and pid of every record of this portal that it names, in its order.

    What a dataset is part of is for the documents to say, that list it.
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


def external_relations(record: Document | Dataset) -> list[Related]:
    """What it names outside of this portal, as it was given."""
    return [
        Related(r.relation, r.identifier, r.type)
        for r in record.related
        if r.relation in TYPES and identifier_type(r.identifier)
    ]


def identifier_type(identifier: str) -> str | None:
    """DataCite's relatedIdentifierType; None for what is neither DOI, address nor arXiv number."""
    text = identifier.strip()
    if _DOI.fullmatch(bare_doi(text)):
        return "DOI"
    if _URL.fullmatch(text):
        return "URL"
    return "arXiv" if _ARXIV.fullmatch(text) else None


def to_datacite(related: Iterable[Related]) -> list[dict[str, Any]]:
    """As DataCite writes them, each once: records may share a DOI."""
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
        if one.resource_type:
            made["resourceTypeGeneral"] = one.resource_type
        found.setdefault((one.relation, text), made)
    return list(found.values())
