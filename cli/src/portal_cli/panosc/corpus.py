"""Parses a corpus file: JSON with records in the field names of the PaNOSC data model.

Fields of the model get their names in snake case; other fields of documents and datasets go to
their details, so no field is lost. An invalid field is refused with its place in the file.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar, cast

from portal_shared.contracts.jobs import DatasetIn, DocumentIn, InstrumentIn
from portal_shared.runtime.errors import Invalid
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)

LISTS = ("instruments", "documents", "orphan_datasets")
FILE_FIELDS = ("corpus", "source")  # describe the file itself
RENAMED = {"creationDate": "created"}
INTERNAL_IDS = ("members", "parameters", "files")  # their ids have no meaning outside the source
REQUIRED: dict[type[BaseModel], tuple[str, ...]] = {
    DocumentIn: ("pid", "isPublic", "type", "title"),
    DatasetIn: ("pid", "isPublic", "title", "creationDate"),
}
UNSUPPORTED = frozenset({"name", "folder", "details", "other_datasets", "proposal"})


def parse_corpus(text: bytes) -> dict[str, Any]:
    """Raises Invalid if the text is not a corpus."""
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"not JSON: {error}") from error
    if not isinstance(found, dict) or not any(name in found for name in LISTS):
        raise Invalid(f"must be a JSON object with one or more of {', '.join(LISTS)}")
    corpus = cast("dict[str, Any]", found)
    if unknown := set(corpus) - {*LISTS, *FILE_FIELDS}:
        names = ", ".join((*LISTS, *FILE_FIELDS))
        raise Invalid(f"unknown field; a corpus has {names}", field=min(unknown))
    return corpus


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def rows(value: Any, place: str) -> list[tuple[dict[str, Any], str]]:
    """Returns the objects of a list with their places; a missing list is empty."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Invalid("must be a list", field=place)
    return [(_object(v, f"{place}[{n}]"), f"{place}[{n}]") for n, v in enumerate(_list(value))]


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value)


def _object(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid("must be an object", field=place)
    return cast("dict[str, Any]", value)


def document(given: dict[str, Any], place: str, **more: Any) -> DocumentIn:
    return _record(DocumentIn, {k: v for k, v in given.items() if k != "datasets"}, place, more)


def dataset(given: dict[str, Any], place: str) -> DatasetIn:
    return _record(DatasetIn, given, place, {})


def instrument(given: dict[str, Any], place: str) -> InstrumentIn:
    return _checked(InstrumentIn, _nested(given, ""), place)


def _record(model: type[M], given: dict[str, Any], place: str, more: Mapping[str, Any]) -> M:
    for label in REQUIRED[model]:
        if given.get(label) in (None, ""):
            raise Invalid("required", field=f"{place}.{label}")
    known = set(model.model_fields) - UNSUPPORTED
    fields: dict[str, Any] = {}
    details: dict[str, Any] = {}
    for label, value in given.items():
        name = RENAMED.get(label, snake(label))
        if name in known and label == _original(name):
            if value is not None:
                fields[name] = _nested(value, name)
        else:
            details[label] = value
    if details:
        fields["details"] = details
    return _checked(model, {"name": given["pid"], **fields, **more}, place)


def _nested(value: Any, name: str) -> Any:
    """Converts keys to snake case; leaves out null values and internal ids."""
    if isinstance(value, list):
        return [_nested(v, name) for v in _list(value)]
    if not isinstance(value, dict):
        return value
    return {
        snake(k): _nested(v, "")
        for k, v in cast("dict[str, Any]", value).items()
        if v is not None and not (k == "id" and name in INTERNAL_IDS)
    }


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _original(name: str) -> str:
    """Returns the PaNOSC name of a field of a job."""
    for theirs, ours in RENAMED.items():
        if name == ours:
            return theirs
    return re.sub(r"_([a-z])", lambda m: m[1].upper(), name)


def _checked(model: type[M], fields: dict[str, Any], place: str) -> M:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Invalid(first["msg"], field=place + _inner(first["loc"])) from error


def _inner(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif not re.fullmatch(r"(constrained-)?(int|float|str)", part):
            text += f".{_original(part)}"
    return text
