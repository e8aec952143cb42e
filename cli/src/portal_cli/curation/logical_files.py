"""Groups files that belong together: the chunks of a zarr, the slices of an image stack."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

LAST_NUMBER = re.compile(r"\d+(?=\D*$)")
STACK_SUFFIXES = (".tif", ".tiff", ".jp2", ".j2k", ".png", ".edf", ".dcm")


@dataclass
class LogicalFile:
    name: str  # of a stack: with # in place of the number
    kind: str  # zarr, stack or file
    files: list[str] = field(default_factory=list[str])


def group_files(locations: Iterable[str]) -> list[LogicalFile]:
    """Returns the groups sorted by name. A stack of one slice is a file."""
    groups: dict[str, LogicalFile] = {}
    for location in locations:
        name, kind = _group_of(location)
        groups.setdefault(name, LogicalFile(name, kind)).files.append(location)
    found = [
        LogicalFile(group.files[0], "file", group.files) if _is_single_slice(group) else group
        for group in groups.values()
    ]
    return sorted(found, key=lambda group: group.name)


def _group_of(location: str) -> tuple[str, str]:
    """Returns the name and the kind of the group to which the file belongs."""
    parts = location.split("/")
    for number, part in enumerate(parts[:-1], start=1):
        if part.lower().endswith(".zarr"):
            return "/".join(parts[:number]), "zarr"
    stem, dot, suffix = parts[-1].rpartition(".")  # without the suffix: .jp2 has a digit, too
    if parts[-1].lower().endswith(STACK_SUFFIXES) and LAST_NUMBER.search(stem):
        return "/".join([*parts[:-1], LAST_NUMBER.sub("#", stem) + dot + suffix]), "stack"
    return location, "file"


def _is_single_slice(group: LogicalFile) -> bool:
    return group.kind == "stack" and len(group.files) == 1
