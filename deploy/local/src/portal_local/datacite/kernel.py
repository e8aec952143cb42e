"""DataCite's metadata schema 4.5: validation and XML."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from datacite import schema45

from portal_local.datacite.refusals import Fault

MAX_REASON_CHARACTERS = 300  # an invalid value may be a whole abstract

_PROPERTIES = cast("Mapping[str, Any]", schema45.validator.schema["properties"])
_REQUIRED = tuple(cast("list[str]", schema45.validator.schema["required"]))
_LANGUAGE = re.compile(r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*", re.ASCII)  # xs:language
_YEAR = re.compile(r"[0-9]{4}")  # yearType of the schema
_TYPE_KEYS = ("resourceType", "resourceTypeGeneral")


def document(doi: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata in the schema's form: years as strings, known keys only."""
    document = {key: value for key, value in metadata.items() if key in _PROPERTIES}
    if "publicationYear" in document:
        document["publicationYear"] = str(document["publicationYear"])
    if isinstance(document.get("types"), dict):
        document["types"] = {k: v for k, v in document["types"].items() if k in _TYPE_KEYS}
    if "identifiers" in metadata:
        document["alternateIdentifiers"] = [
            {
                "alternateIdentifier": i.get("identifier"),
                "alternateIdentifierType": i.get("identifierType"),
            }
            for i in metadata["identifiers"]
        ]
    return {**document, "doi": doi}


def problems(doi: str, metadata: Mapping[str, Any]) -> list[Fault]:
    """Return what the schema forbids, by attribute; empty if the DOI may become public."""
    written = document(doi, metadata)
    faults = [
        Fault(name, f"DOI {doi}: Missing child element(s). Expected is ( {name} ).")
        for name in _REQUIRED
        if name not in written
    ]
    for name, value in written.items():
        reasons = _attribute_problems(name, json.dumps(value))
        faults += [Fault(name, f"DOI {doi}: {reason}") for reason in reasons]
    faults += [Fault(name, f"DOI {doi}: {reason}") for name, reason in _xsd_problems(written)]
    if not faults and _xml(written) is None:
        faults.append(Fault("metadata", f"DOI {doi}: characters that XML cannot hold"))
    return faults


def _xsd_problems(written: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what only the XML schema forbids: DataCite validates the XML, not the JSON."""
    found: list[tuple[str, str]] = []
    language = written.get("language")
    if language is not None and not _LANGUAGE.fullmatch(str(language)):
        shown = str(language)[:MAX_REASON_CHARACTERS]
        reason = f"language: '{shown}' is not a valid value of the atomic type 'xs:language'."
        found.append(("language", reason))
    for name, value in written.items():
        entries = cast("list[Any]", value) if isinstance(value, list) else []
        for entry in entries:
            lang = cast("dict[str, Any]", entry).get("lang") if isinstance(entry, dict) else None
            if lang is not None and not _LANGUAGE.fullmatch(str(lang)):
                found.append((name, f"{name}: '{lang}' is not a valid value of 'xs:language'."))
    year = str(written.get("publicationYear", "2000"))
    if not _YEAR.fullmatch(year):
        found.append(("publicationYear", f"publicationYear: '{year[:20]}' is not a year"))
    return found


def xml(doi: str, metadata: Mapping[str, Any]) -> bytes | None:
    """Return the XML; None for a draft that is too incomplete for it."""
    try:
        return _xml(document(doi, metadata))
    except (LookupError, TypeError, AttributeError):
        return None


def _xml(document: Mapping[str, Any]) -> bytes | None:
    try:
        return str(schema45.tostring(document)).encode()
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _attribute_problems(name: str, value: str) -> tuple[str, ...]:
    """Return what is wrong with an attribute; cached, as many DOIs have the same creators."""
    errors = schema45.validator.iter_errors({name: json.loads(value)})
    return tuple(_reason(error) for error in errors if error.absolute_path)


def _reason(error: "schema45.SchemaError") -> str:
    message = error.message
    if len(message) > MAX_REASON_CHARACTERS:
        message = (
            f"{message[: MAX_REASON_CHARACTERS // 2]} … {message[-MAX_REASON_CHARACTERS // 2 :]}"
        )
    return f"{'.'.join(str(step) for step in error.absolute_path)}: {message}"
