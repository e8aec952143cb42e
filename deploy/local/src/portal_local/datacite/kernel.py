"""The DataCite metadata schema 4.5: what it refuses, and the XML of what it accepts."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from datacite import schema45

from portal_local.datacite.refusals import Fault

LONGEST = 300  # characters of a reason; a refused value may be a whole abstract

_VALIDATOR: Any = schema45.validator
_PROPERTIES: Mapping[str, Any] = _VALIDATOR.schema["properties"]
_REQUIRED: tuple[str, ...] = tuple(_VALIDATOR.schema["required"])
_TYPE_KEYS = ("resourceType", "resourceTypeGeneral")


def document(doi: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata as the schema writes them: strings for years, only keys it knows."""
    told = {key: value for key, value in metadata.items() if key in _PROPERTIES}
    if "publicationYear" in told:
        told["publicationYear"] = str(told["publicationYear"])
    if isinstance(told.get("types"), dict):
        told["types"] = {k: v for k, v in told["types"].items() if k in _TYPE_KEYS}
    if "identifiers" in metadata:
        told["alternateIdentifiers"] = [
            {
                "alternateIdentifier": i.get("identifier"),
                "alternateIdentifierType": i.get("identifierType"),
            }
            for i in metadata["identifiers"]
        ]
    return {**told, "doi": doi}


def problems(doi: str, metadata: Mapping[str, Any]) -> list[Fault]:
    """What the schema refuses, attribute by attribute; empty when the DOI may become public."""
    told = document(doi, metadata)
    faults = [
        Fault(name, f"DOI {doi}: Missing child element(s). Expected is ( {name} ).")
        for name in _REQUIRED
        if name not in told
    ]
    for name, value in told.items():
        reasons = _refused(name, json.dumps(value))
        faults += [Fault(name, f"DOI {doi}: {reason}") for reason in reasons]
    if not faults and _written(told) is None:
        faults.append(Fault("metadata", f"DOI {doi}: characters that XML cannot hold"))
    return faults


def xml(doi: str, metadata: Mapping[str, Any]) -> bytes | None:
    """None for a draft that cannot be written yet."""
    try:
        return _written(document(doi, metadata))
    except (LookupError, TypeError, AttributeError):
        return None


def _written(told: Mapping[str, Any]) -> bytes | None:
    try:
        return str(schema45.tostring(told)).encode()
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _refused(name: str, value: str) -> tuple[str, ...]:
    """Why one attribute is refused; remembered, since many DOIs have the same creators."""
    errors = _VALIDATOR.iter_errors({name: json.loads(value)})
    return tuple(_reason(error) for error in errors if error.absolute_path)


def _reason(error: Any) -> str:
    message = str(error.message)
    if len(message) > LONGEST:
        message = f"{message[: LONGEST // 2]} … {message[-LONGEST // 2 :]}"
    return f"{'.'.join(str(step) for step in error.absolute_path)}: {message}"
