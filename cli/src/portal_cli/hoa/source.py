"""Reads the metadata files of the package hoa-tools without importing its code.

Private values never leave this module: only allowed donor fields are read, and every field with a
date of birth or death is dropped at any level. The dropped values are counted.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from typing import Any, cast

from portal_shared import profile as profiles
from portal_shared.runtime.errors import Invalid
from pydantic import ValidationError

from portal_cli.hoa.record import Record

PACKAGE = "hoa-tools"
PROFILE = "human-organs"
KNOWN_SCHEMA = "1"  # first number of metadata_version; other versions have other fields
PRIVATE = re.compile(r"(date|day|month|year).*(birth|death)|(birth|death).*(date|day|month|year)")
MISSPELT = {"Vlisualization": "Visualization"}  # a spelling error in the schema itself


@dataclass(frozen=True)
class Entry:
    """One metadata file: as a validated record, and as JSON without private values."""

    record: Record
    content: dict[str, Any]
    dropped: int = 0  # private values left out


@dataclass(frozen=True)
class SkippedRecord:
    name: str
    reason: str


@dataclass(frozen=True)
class Source:
    version: str
    entries: tuple[Entry, ...]
    skipped: tuple[SkippedRecord, ...]

    @property
    def dropped(self) -> int:
        return sum(entry.dropped for entry in self.entries)


def read_installed() -> Source:
    """Reads the Atlas of the installed hoa-tools."""
    folder = files("hoa_tools") / "data/metadata/metadata"
    return read_records(
        ((f.name, f.read_bytes()) for f in folder.iterdir() if f.name.endswith(".json")),
        release=version(PACKAGE),
    )


def read_records(found: Iterable[tuple[str, bytes]], *, release: str) -> Source:
    """Reads records from file names and contents; invalid ones are skipped with the reason."""
    entries: list[Entry] = []
    skipped: list[SkippedRecord] = []
    for name, text in sorted(found):
        try:
            entries.append(parse_entry(name.removesuffix(".json"), text))
        except Invalid as error:
            skipped.append(SkippedRecord(name, str(error)))
    return Source(release, tuple(entries), tuple(skipped))


def parse_entry(stem: str, text: bytes) -> Entry:
    """Parses one metadata file. Raises Invalid if it is not a known record of the Atlas."""
    try:
        loaded = json.loads(text)
    except ValueError as error:
        raise Invalid(f"not JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise Invalid("not a JSON object")
    given = cast("dict[str, Any]", loaded)
    schema = str(given.get("metadata_version"))
    if schema.partition(".")[0] != KNOWN_SCHEMA:
        raise Invalid(
            f"version {schema!r} is not supported, only {KNOWN_SCHEMA}.x", field="metadata_version"
        )
    content, dropped = drop_private(given)
    try:
        record = Record.model_validate_json(json.dumps(content))
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise Invalid(first["msg"], field=".".join(map(str, first["loc"]))) from error
    if record.name != stem:
        raise Invalid(f"{record.name!r} differs from the file name {stem}.json", field="name")
    return Entry(record, content, dropped)


def drop_private(given: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Returns the record without private values, and how many were dropped."""
    known = {name: given[name] for name in Record.model_fields if name in given}
    dropped = len(given) - len(known)
    donor = known.get("donor")
    if isinstance(donor, dict):
        fields = cast("dict[str, Any]", donor)
        allowed = profiles.load(PROFILE).details_allowed["donor"]
        known["donor"] = {k: v for k, v in fields.items() if k in allowed}
        dropped += len(fields) - len(known["donor"])
    content, dates = _drop_dates(known)
    return cast("dict[str, Any]", content), dropped + dates


def _drop_dates(value: Any) -> tuple[Any, int]:
    """Drops fields with a date of birth or death; corrects misspelt texts."""
    if isinstance(value, list):
        parts = [_drop_dates(item) for item in cast("list[Any]", value)]
        return [part for part, _ in parts], sum(dropped for _, dropped in parts)
    if isinstance(value, dict):
        fields: dict[str, Any] = {}
        dropped = 0
        for name, item in cast("dict[str, Any]", value).items():
            if PRIVATE.search(name.lower()):
                dropped += 1
                continue
            fields[name], inner = _drop_dates(item)
            dropped += inner
        return fields, dropped
    if isinstance(value, str):
        return MISSPELT.get(value, value), 0
    return value, 0
