"""Metadata of a DOI: merges a payload into them, and serializes them for the REST API."""

import re
from collections.abc import Mapping
from typing import Any

from portal_local.datacite.refusals import Fault, Refused

YEAR = re.compile(r"\d{4}", re.ASCII)
SCHEMA = "http://datacite.org/schema/kernel-4"

OBJECTS = frozenset(
    {
        "creators", "contributors", "titles", "descriptions", "dates", "subjects", "rightsList",
        "identifiers", "relatedIdentifiers", "relatedItems", "fundingReferences", "geoLocations",
    }
)  # fmt: skip
TEXTS = frozenset({"sizes", "formats", "contentUrl"})
PLAIN = frozenset({"publicationYear", "language", "version", "schemaVersion", "source", "reason"})
MAPPINGS = frozenset({"types", "container", "publisher"})

# What DataCite adds to `types` from the general resource type.
DERIVED_TYPES = {
    "Collection": ("Collection", "article", "misc", "GEN"),
    "Dataset": ("Dataset", "dataset", "misc", "DATA"),
    "Image": ("ImageObject", "graphic", "misc", "FIGURE"),
    "JournalArticle": ("ScholarlyArticle", "article-journal", "article", "JOUR"),
    "Software": ("SoftwareSourceCode", "software", "misc", "COMP"),
    "Text": ("ScholarlyArticle", "report", "article", "RPRT"),
}
OTHER_TYPE = ("CreativeWork", "article", "misc", "GEN")

Metadata = dict[str, Any]


def merged(before: Mapping[str, Any], attributes: Mapping[str, Any]) -> Metadata:
    """Merge attributes into the metadata: a value replaces the old one, null removes it.

    Unknown attributes are ignored, as at DataCite. Raises Refused for one of the wrong shape.
    """
    sent = dict(attributes)
    if sent.get("xml"):
        raise Refused(422, faults=[Fault("xml", "Metadata are taken as JSON here, not as XML")])
    if "alternateIdentifiers" in sent and not sent.get("identifiers"):
        sent["identifiers"] = _renamed(sent["alternateIdentifiers"])
    after = dict(before)
    for key in (OBJECTS | TEXTS | PLAIN | MAPPINGS) & sent.keys():
        if sent[key] is None:
            after.pop(key, None)
        else:
            after[key] = _shaped(key, sent[key])
    after.setdefault("schemaVersion", SCHEMA)
    return after


def _shaped(key: str, value: Any) -> Any:
    if key in OBJECTS:
        return [_person(key, _object(key, item)) for item in _several(value) if item is not None]
    if key in TEXTS:
        return [item for item in _several(value) if item is not None]
    if key == "publisher" and isinstance(value, str):
        return {"name": value}
    if key in MAPPINGS:
        return _object(key, value)
    if key == "schemaVersion" and str(value).startswith(SCHEMA):
        return SCHEMA
    return value


def _object(key: str, value: Any) -> Metadata:
    if not isinstance(value, dict):
        shown = str(value)[:80]
        title = f"{key.capitalize()} '{shown}' should be an object instead of a string."
        raise Refused(422, faults=[Fault(key, title)])
    found: Metadata = value  # pyright: ignore[reportUnknownVariableType]
    return {name: item for name, item in found.items() if item is not None}


def _person(key: str, value: Metadata) -> Metadata:
    """Accept affiliations that are given as names."""
    if key in ("creators", "contributors") and "affiliation" in value:
        given = _several(value["affiliation"])
        value["affiliation"] = [{"name": a} if isinstance(a, str) else a for a in given]
    return value


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]


def _renamed(alternates: Any) -> list[Any]:
    items = [_object("identifiers", item) for item in _several(alternates or [])]
    return [
        {"identifier": i["alternateIdentifier"], "identifierType": i.get("alternateIdentifierType")}
        for i in items
        if "alternateIdentifier" in i
    ]


def rest_attributes(metadata: Mapping[str, Any], *, affiliation: bool, publisher: bool) -> Metadata:
    """Return the attributes of the REST API: with every list, and names alone by default."""
    shown: Metadata = {key: metadata.get(key, []) for key in sorted(OBJECTS | TEXTS)}
    shown["contentUrl"] = metadata.get("contentUrl")
    shown |= {key: metadata.get(key) for key in sorted(PLAIN)}
    shown["publicationYear"] = _year(metadata.get("publicationYear"))
    shown["container"] = metadata.get("container", {})
    shown["types"] = _types(metadata.get("types", {}))
    value: Mapping[str, Any] | None = metadata.get("publisher")
    shown["publisher"] = value if publisher or value is None else value.get("name")
    for key in ("creators", "contributors"):
        shown[key] = [_shown_person(p, affiliation=affiliation) for p in shown[key]]
    shown["alternateIdentifiers"] = [
        {
            "alternateIdentifierType": i.get("identifierType"),
            "alternateIdentifier": i.get("identifier"),
        }
        for i in shown["identifiers"]
    ]
    return shown


def _shown_person(person: Mapping[str, Any], *, affiliation: bool) -> Metadata:
    given: list[Any] = person.get("affiliation", [])
    names = [a.get("name") if isinstance(a, dict) else a for a in given]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return {
        **person,
        "affiliation": given if affiliation else names,
        "nameIdentifiers": person.get("nameIdentifiers", []),
    }


def _types(types: Mapping[str, Any]) -> Metadata:
    if "resourceTypeGeneral" not in types:
        return dict(types)
    general = types["resourceTypeGeneral"]
    derived = DERIVED_TYPES.get(general, OTHER_TYPE) if isinstance(general, str) else OTHER_TYPE
    names = ("schemaOrg", "citeproc", "bibtex", "ris")
    return {**dict(zip(names, derived, strict=True)), **types}


def _year(year: Any) -> Any:
    return int(year) if isinstance(year, str) and YEAR.fullmatch(year) else year
