"""Reads the metadata files of the package hoa-tools without importing its code.

Private values never leave this module: they are removed by the rules of the profile, as from jobs.
The dropped values are counted.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from typing import Any, cast

from portal_shared import profile as profiles
from portal_shared.runtime.errors import Invalid
from portal_shared.validation.redaction import redact
from pydantic import ValidationError

from portal_cli.hoa.record import Record

PACKAGE = "hoa-tools"
PROFILE = "human-organs"
KNOWN_SCHEMA = "1"  # first number of metadata_version; other versions have other fields
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
    """Returns the record without unknown and private fields, and how many were dropped."""
    known = {name: given[name] for name in Record.model_fields if name in given}
    public, places = redact({"details": known}, profiles.load(PROFILE))
    content = cast("dict[str, Any]", _corrected(public["details"]))
    return content, len(given) - len(known) + len(places)


def _corrected(value: Any) -> Any:
    """Corrects misspelt texts."""
    if isinstance(value, list):
        return [_corrected(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: _corrected(v) for name, v in cast("dict[str, Any]", value).items()}
    return MISSPELT.get(value, value) if isinstance(value, str) else value
