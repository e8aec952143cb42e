"""Reads the metadata files that the package hoa-tools carries, without importing its code.

What may not be published never leaves this module: donor fields are taken by allow-list, anything
that tells a date of birth or death is dropped wherever it stands, and the drops are counted.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, cast

from portal_shared import profile as profiles
from portal_shared.runtime.errors import Invalid
from pydantic import ValidationError

from portal_cli.hoa.record import Record

PACKAGE = "hoa-tools"
PROFILE = "human-organs"
KNOWN_SCHEMA = "1"  # first number of metadata_version; another one means other fields
PRIVATE = re.compile(r"(date|day|month|year).*(birth|death)|(birth|death).*(date|day|month|year)")
MISSPELT = {"Vlisualization": "Visualization"}  # in the enumeration of the schema itself


@dataclass(frozen=True)
class Entry:
    """One metadata file: checked, and as it may be shown."""

    record: Record
    content: dict[str, Any]
    dropped: int = 0  # values left out because they may not be published


@dataclass(frozen=True)
class SetAside:
    name: str
    reason: str


@dataclass(frozen=True)
class Source:
    version: str
    entries: tuple[Entry, ...]
    set_aside: tuple[SetAside, ...]

    @property
    def dropped(self) -> int:
        return sum(entry.dropped for entry in self.entries)


def installed() -> Source:
    """The Atlas as of the installed hoa-tools."""
    folder = files("hoa_tools") / "data/metadata/metadata"
    return read(
        ((f.name, _text(f)) for f in folder.iterdir() if f.name.endswith(".json")),
        release=version(PACKAGE),
    )


def _text(file: Traversable) -> bytes:
    return file.read_bytes()


def read(found: Iterable[tuple[str, bytes]], *, release: str) -> Source:
    """From file names and contents; a bad record is set aside with the reason, the rest is read."""
    entries: list[Entry] = []
    set_aside: list[SetAside] = []
    for name, text in sorted(found):
        try:
            entries.append(entry(name.removesuffix(".json"), text))
        except Invalid as error:
            set_aside.append(SetAside(name, str(error)))
    return Source(release, tuple(entries), tuple(set_aside))


def entry(stem: str, text: bytes) -> Entry:
    """Raises Invalid for what is not a record of the Atlas that this importer knows."""
    try:
        loaded = json.loads(text)
    except ValueError as error:
        raise Invalid(f"not JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise Invalid("not a JSON object")
    given = cast("dict[str, Any]", loaded)
    schema = str(given.get("metadata_version"))
    if schema.partition(".")[0] != KNOWN_SCHEMA:
        raise Invalid(f"{schema!r} is not known, only {KNOWN_SCHEMA}.x", field="metadata_version")
    content, dropped = publishable(given)
    try:
        record = Record.model_validate_json(json.dumps(content))
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise Invalid(first["msg"], field=".".join(map(str, first["loc"]))) from error
    if record.name != stem:
        raise Invalid(f"{record.name!r} stands in {stem}.json", field="name")
    return Entry(record, content, dropped)


def publishable(given: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """The record without what may not be published, and how many values that were."""
    known = {name: given[name] for name in Record.model_fields if name in given}
    dropped = len(given) - len(known)
    donor = known.get("donor")
    if isinstance(donor, dict):
        fields = cast("dict[str, Any]", donor)
        allowed = profiles.load(PROFILE).details_allowed["donor"]
        known["donor"] = {k: v for k, v in fields.items() if k in allowed}
        dropped += len(fields) - len(known["donor"])
    content, gone = _cleaned(known)
    return cast("dict[str, Any]", content), dropped + gone


def _cleaned(value: Any) -> tuple[Any, int]:
    if isinstance(value, list):
        parts = [_cleaned(item) for item in cast("list[Any]", value)]
        return [part for part, _ in parts], sum(gone for _, gone in parts)
    if isinstance(value, dict):
        kept: dict[str, Any] = {}
        dropped = 0
        for name, item in cast("dict[str, Any]", value).items():
            if PRIVATE.search(name.lower()):
                dropped += 1
                continue
            kept[name], gone = _cleaned(item)
            dropped += gone
        return kept, dropped
    if isinstance(value, str):
        return MISSPELT.get(value, value), 0
    return value, 0
