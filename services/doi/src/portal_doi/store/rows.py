"""Maps registry rows to MongoDB documents and back; the one place with the stored field names."""

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar

from portal_shared.citation.datacite import Withdrawal
from portal_shared.runtime.mongo import Doc

from portal_doi.domain.row import Publication, RegistryRow, RelativeRow
from portal_doi.domain.state import PUBLIC_ONCE

Row = TypeVar("Row", bound=RelativeRow)

# Attributes that are stored under another name.
_RENAMED = {
    "pid": "_id",
    "related_pids": "names",
    "withdrawal": "withdrawn",
    "operator_hold": "hold",
    "is_public": "open",
    "our_doi": "own",
    "our_state": "own_state",
    "registered_hash": "told",
    "published": "said",
    "needs_work": "waiting",
    "next_attempt_at": "due",
    "waiting_since": "since",
    "work_revision": "rev",
    "lease_until": "until",
    "lease_owner": "owner",
    "datacite_unknown": "unsure",
    "unknown_before_lease": "doubt",
    "failures": "tries",
    "unconfirmed_puts": "asked",
    "relatives_pending": "telling",
    "relatives_token": "tell",
    "former_relatives": "left",
}
_NOT_IN_ROW = ("audited",)  # only used in queries


@cache
def _names(row: type[RelativeRow]) -> Mapping[str, str]:
    return {field.name: _RENAMED.get(field.name, field.name) for field in fields(row)}


RELATIVE_FIELDS: Doc = {
    "record.type" if name == "record" else field: 1 for name, field in _names(RelativeRow).items()
}  # of a RelativeRow; of its record the type alone
_STORED = {**_names(RegistryRow), **{name: name for name in _NOT_IN_ROW}}


def stored(**values: Any) -> Doc:
    """Return a query or update document: attributes of RegistryRow under their stored names."""
    return {_STORED[name]: _stored_value(value) for name, value in values.items()}


def stored_name(attribute: str) -> str:
    return _STORED[attribute]


def to_row(row: RegistryRow) -> Doc:
    return stored(**{name: getattr(row, name) for name in _names(RegistryRow)})


def from_row(row: type[Row], doc: Mapping[str, Any]) -> Row:
    """Return the row of a document; a field that is not stored has its default."""
    values = {name: doc[field] for name, field in _names(row).items() if field in doc}
    if "never_public" not in doc:  # stored before this field was
        values["never_public"] = not (doc.get("open") or doc.get("own_state") in PUBLIC_ONCE)
    values["links"] = tuple((relation, pid) for relation, pid in doc["links"])
    values["related_pids"] = tuple(doc["names"])
    if "left" in doc:
        values["former_relatives"] = tuple(doc["left"])
    if doc.get("withdrawn"):
        values["withdrawal"] = Withdrawal(doc["withdrawn"]["reason"], doc["withdrawn"]["at"])
    if doc.get("said"):
        values["published"] = Publication(**doc["said"])
    return row(**values)


def _stored_value(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
