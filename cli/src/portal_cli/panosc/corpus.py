"""Parses a corpus file: JSON with records in the field names of the PaNOSC data model.

Also a bare list of records, as a search API answers it. Fields of the model get their names in
snake case; other fields of documents and datasets go to their details.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from portal_shared.contracts.jobs import DatasetIn, DocumentIn, InstrumentIn
from portal_shared.runtime.errors import Invalid
from pydantic import BaseModel, ValidationError

from portal_cli.panosc.rows import Findings, Remark, camel, field_value, quote, reasons, row, snake
from portal_cli.panosc.rows import storable as storable_value

M = TypeVar("M", bound=BaseModel)

LISTS = ("instruments", "documents", "orphan_datasets")
FILE_FIELDS = ("corpus", "source")  # describe the file itself
RENAMED = {"creationDate": "created"}
REQUIRED: dict[type[BaseModel], tuple[str, ...]] = {
    DocumentIn: ("pid", "isPublic", "type", "title"),
    DatasetIn: ("pid", "isPublic", "title", "creationDate"),
}
UNSUPPORTED = frozenset({"name", "folder", "details", "other_datasets", "proposal"})


def parse_corpus(text: bytes, findings: Findings) -> dict[str, Any]:
    """Raises Invalid if the text is not a corpus."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"not JSON: {error}") from error
    if isinstance(found, list) and found:
        return _answer(cast("list[Any]", found))
    if not isinstance(found, dict) or not any(name in found for name in LISTS):
        names = ", ".join(LISTS)
        raise Invalid(f"must be a JSON object with one or more of {names}, or a list of records")
    corpus = cast("dict[str, Any]", found)
    names = ", ".join((*LISTS, *FILE_FIELDS))
    for unknown in sorted(set(corpus) - {*LISTS, *FILE_FIELDS}):
        findings.left_out(unknown, f"unknown field; a corpus has {names}")
    return corpus


def _answer(records: list[Any]) -> dict[str, Any]:
    """Returns the corpus of a list of records, as GET /Documents answers it."""
    corpus: dict[str, Any] = {}
    for record in records:
        fields = cast("dict[str, Any]", record) if isinstance(record, dict) else {}
        is_instrument = "facility" in fields and "title" not in fields
        kind = "orphan_datasets" if "creationDate" in fields else "documents"
        corpus.setdefault("instruments" if is_instrument else kind, []).append(record)
    return corpus


def rows(value: Any, place: str, findings: Findings) -> list[tuple[dict[str, Any], str]]:
    """Returns the objects of a list with their places; a missing list is empty."""
    if value is None:
        return []
    if not isinstance(value, list):
        findings.problems.append(Remark(place, f"must be a list, not {quote(value)}"))
        return []
    found: list[tuple[dict[str, Any], str]] = []
    for n, one in enumerate(cast("list[Any]", value)):
        if isinstance(one, dict):
            found.append((cast("dict[str, Any]", one), f"{place}[{n}]"))
        else:
            reason = f"must be an object, not {quote(one)}"
            findings.problems.append(Remark(f"{place}[{n}]", reason))
    return found


def document(
    given: dict[str, Any], place: str, findings: Findings, **more: Any
) -> DocumentIn | None:
    """Returns the document; None, with all its problems, if it is not valid."""
    fields = {k: v for k, v in given.items() if k != "datasets"}
    return _record(DocumentIn, fields, place, findings, more)


def dataset(given: dict[str, Any], place: str, findings: Findings) -> DatasetIn | None:
    """Returns the dataset; None, with all its problems, if it is not valid."""
    return _record(DatasetIn, given, place, findings, {})


def instrument(given: dict[str, Any], place: str, findings: Findings) -> InstrumentIn | None:
    """Returns the instrument; None, with a problem, if it is not valid."""
    inner = Findings()
    fields = row(InstrumentIn, given, place, inner)
    findings.unknown += inner.unknown
    (findings.problems if fields is None else findings.rows).extend(inner.rows)
    return None if fields is None else InstrumentIn.model_validate(fields)


def _record(
    model: type[M],
    given: dict[str, Any],
    place: str,
    findings: Findings,
    more: Mapping[str, Any],
) -> M | None:
    problems = [
        Remark(f"{place}.{label}", f"required, not {quote(given.get(label))}")
        for label in REQUIRED[model]
        if given.get(label) in (None, "")
    ]
    known = set(model.model_fields) - UNSUPPORTED
    fields: dict[str, Any] = {}
    details: dict[str, Any] = {}
    for label, value in given.items():
        name = RENAMED.get(label, snake(label))
        where = f"{place}.{label}"
        if name in known and label == _original(name):
            found = field_value(model, name, value, where, findings)
            if found is not None:
                fields[name] = found
        elif label != "score":  # of the answer to one search
            details[label] = storable_value(value, where, findings)
    if details:
        fields["details"] = details
    found = None
    try:
        found = model.model_validate({"name": fields.get("pid"), **fields, **more})
    except ValidationError as error:
        places = {f"{place}.name", *(p.place for p in problems)}  # the name is the pid
        problems += [p for p in reasons(error, place) if p.place not in places]
    findings.problems += problems
    return None if problems else found


def _original(name: str) -> str:
    """Returns the PaNOSC name of a field of a job."""
    for theirs, ours in RENAMED.items():
        if name == ours:
            return theirs
    return camel(name)
