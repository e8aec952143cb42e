"""Many files that make one thing: chunks of a zarr, slices of a stack. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

NUMBER = re.compile(r"\d+(?=\D*$)")  # the last one
STACKED = (".tif", ".tiff", ".jp2", ".j2k", ".png", ".edf", ".dcm")


@dataclass
class Logical:
    """A zarr, a stack, or a single file."""

    name: str  # of a stack: with # for the number
    kind: str
    files: list[str] = field(default_factory=list[str])


def logical(locations: Iterable[str]) -> list[Logical]:
    """In the order of their names."""
    found: dict[str, Logical] = {}
    for location in locations:
        name, kind = _belongs(location)
        found.setdefault(name, Logical(name, kind)).files.append(location)
    singled = [
        Logical(one.files[0], "file", one.files) if _alone(one) else one for one in found.values()
    ]
    return sorted(singled, key=lambda one: one.name)


def _belongs(location: str) -> tuple[str, str]:
    parts = location.split("/")
    for number, part in enumerate(parts[:-1], start=1):
        if part.lower().endswith(".zarr"):
            return "/".join(parts[:number]), "zarr"
    stem, dot, ending = parts[-1].rpartition(".")  # the 2 of .jp2 is no number of a slice
    if parts[-1].lower().endswith(STACKED) and NUMBER.search(stem):
        return "/".join([*parts[:-1], NUMBER.sub("#", stem) + dot + ending]), "stack"
    return location, "file"


def _alone(one: Logical) -> bool:
    return one.kind == "stack" and len(one.files) == 1
