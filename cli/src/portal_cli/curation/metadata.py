"""Parses a metadata file into the parts of a job: JSON, YAML, or a table with a row per dataset.

Errors have line and column. Values are checked later, by the validation of the job.
"""

import codecs
import json
from functools import cache
from typing import Any, cast, get_args

from portal_shared.contracts.jobs import MAX_JOB_BYTES, DatasetIn, DocumentIn, Problem
from portal_shared.profile import ParameterRule, Profile
from portal_shared.runtime.errors import Invalid
from portal_shared.validation.job_parser import parse_job
from portal_shared.validation.validator import model_in
from pydantic import BaseModel

from portal_cli.curation import yaml_reader
from portal_cli.curation.tables import parameter, read_table
from portal_cli.curation.yaml_reader import PlainText

SPREADSHEETS = ("xlsx", "xlsm", "xls", "ods", "numbers")
AS_CSV = "save the sheet as 'CSV UTF-8' (Excel) or as CSV with the character set UTF-8"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read(
    name: str, content: bytes, profile: Profile, places: list[str] | None = None
) -> tuple[dict[str, Any], list[Problem]]:
    """Returns `document` and `datasets` in the form of a job, and problems of a table.

    The line of each dataset of a table is appended to `places`, as in `metadata.csv, line 3`.
    Raises Invalid if the file cannot be read.
    """
    if len(content) > MAX_JOB_BYTES:
        raise Invalid(
            f"the file has {len(content)} bytes, the limit of a job is {MAX_JOB_BYTES}", field=name
        )
    suffix = name.rsplit(".", 1)[-1].lower()
    if suffix == "json":
        return _expand_parameters(parse_job(_text(name, content).encode()), profile), []
    if suffix in ("yaml", "yml"):
        return _parse_yaml(_text(name, content), profile), []
    if suffix in ("csv", "tsv"):
        return read_table(name, _text(name, content), profile, places)
    if suffix in SPREADSHEETS:
        raise Invalid(f"a spreadsheet is not read; {AS_CSV}", field=name)
    raise Invalid("the file name must end with .json, .yaml, .yml, .csv or .tsv", field=name)


def _text(name: str, content: bytes) -> str:
    """Decodes UTF-8, and UTF-16 with its mark; in other encodings a letter may be another one."""
    advice = AS_CSV if name.lower().endswith((".csv", ".tsv")) else "save the file as UTF-8"
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line, column = _place(content[: error.start].decode(encoding, "replace"))
        wrong = content[error.start : error.start + 1]
        guess = wrong.decode("cp1252", "replace")
        is_letter = guess.isprintable() and encoding != "utf-16"
        hint = f" ({guess!r} in Windows-1252)" if is_letter else ""
        raise Invalid(
            f"not UTF-8 at byte {error.start}, line {line}, column {column}{hint}; {advice}",
            field=name,
        ) from error
    for character, reason in (
        ("\x00", "a NUL character; the file is perhaps UTF-16 without its mark"),
        ("\ufffd", "the mark of a character that was lost when the file was converted"),
    ):
        if character in text:
            line, column = _place(text[: text.index(character)])
            raise Invalid(f"{reason}, in line {line}, column {column}; {advice}", field=name)
    return text


def _place(before: str) -> tuple[int, int]:
    """Returns line and column of what follows this text."""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _parse_yaml(text: str, profile: Profile) -> dict[str, Any]:
    found = yaml_reader.load(text)
    if not isinstance(found, dict):
        what = "is empty" if found is None else "has no fields at its top"
        raise Invalid(f"the YAML {what}; write 'document:' or 'datasets:' there")
    try:  # as strict as for JSON: NaN, depth, and the size with all aliases expanded
        parts = _expand_parameters(cast("dict[str, Any]", found), profile)
        return parse_job(json.dumps(_settle(parts, text=False)).encode())
    except (TypeError, RecursionError, ValueError) as error:
        raise Invalid(f"the YAML cannot be used: {error}") from error


def _settle(value: Any, *, text: bool) -> Any:
    """Replaces each PlainText by its text, where a job has a text, else by its value."""
    if isinstance(value, PlainText):
        return str(value) if text else value.value
    if isinstance(value, list):
        return [_settle(item, text=text) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {
            name: _settle(item, text=name in _text_fields())
            for name, item in cast("dict[Any, Any]", value).items()
        }
    return value


@cache
def _text_fields() -> frozenset[str]:
    """Returns the names of the fields that are texts in every part of a job."""
    found: dict[str, set[bool]] = {}
    models: list[type[BaseModel]] = [DatasetIn, DocumentIn]
    for model in models:
        for name, field in model.model_fields.items():
            inner = model_in(field.annotation)
            if inner and inner not in models:
                models.append(inner)
            found.setdefault(name, set()).add(inner is None and _is_text(field.annotation))
    return frozenset(name for name, texts in found.items() if texts == {True})


def _is_text(annotation: Any) -> bool:
    """Whether all values of the type are texts or lists of texts."""
    inner = [a for a in get_args(annotation) if a not in (type(None), Ellipsis)]
    inner = [a for a in inner if isinstance(a, type) or get_args(a)]
    if inner:
        return all(map(_is_text, inner))
    return isinstance(annotation, type) and not issubclass(annotation, int | float | dict | bool)


def _expand_parameters(found: dict[str, Any], profile: Profile) -> dict[str, Any]:
    """Replaces `parameters` that are a mapping (voxel_size: 25.14 um) by a list.

    Parameters that are texts by the profile get the text that is written: 0123 stays 0123.
    """
    datasets: Any = found.get("datasets")
    parts: list[Any] = [found.get("document")]
    parts += cast("list[Any]", datasets) if isinstance(datasets, list) else []
    for part in parts:
        given = cast("dict[str, Any]", part).get("parameters") if isinstance(part, dict) else None
        if isinstance(given, dict):
            rows = cast("dict[str, Any]", given).items()
            cast("dict[str, Any]", part)["parameters"] = [
                parameter(str(n), None, _typed(v, profile.parameters.get(str(n))), profile)
                for n, v in rows
            ]
        elif isinstance(given, list):
            for row in cast("list[Any]", given):
                if isinstance(row, dict) and isinstance(row.get("value"), PlainText):  # pyright: ignore[reportUnknownMemberType]
                    fields = cast("dict[str, Any]", row)
                    rule = profile.parameters.get(str(fields.get("name")))
                    fields["value"] = _typed(fields["value"], rule)
    return found


def _typed(value: Any, rule: ParameterRule | None) -> Any:
    """Returns a plain value of YAML as the rule has it: a number, or the text as it is written."""
    if not isinstance(value, PlainText):
        return value
    if rule is None:
        return value.value
    if rule.unit is None:
        return str(value)
    return value.value if value.number is None else value.number
