"""Groups files that belong together: the chunks of a zarr or N5, the files of a numbered series."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

LAST_NUMBER = re.compile(r"\d+(?=\D*$)", re.ASCII)
STACK_SUFFIXES = (
    ".tif", ".tiff", ".btf", ".tf8", ".jp2", ".j2k", ".j2c", ".jpc", ".png", ".edf", ".dcm",
    ".h5", ".hdf5", ".nx", ".nxs",
)  # fmt: skip
FOLDER_SUFFIXES = {".zarr": "zarr", ".n5": "n5"}
ZARR_FILES = ("zarr.json", ".zgroup", ".zarray")  # a folder with one of them is a zarr
N5_LEVEL = "s0/attributes.json"  # a folder with this file is an N5


@dataclass
class LogicalFile:
    name: str  # of a stack: with # in place of the number; "" if it is the curated folder itself
    kind: str  # zarr, n5, stack or file
    files: list[str] = field(default_factory=list[str])


def group_files(locations: Iterable[str]) -> list[LogicalFile]:
    """Returns the groups sorted by name. A stack of one slice is a file."""
    locations = list(locations)
    roots = _roots(locations)
    groups: dict[tuple[str, str], LogicalFile] = {}
    for location in locations:
        key, kind, name = _group_of(location, roots)
        groups.setdefault((key, kind), LogicalFile(name, kind)).files.append(location)
    found = [
        LogicalFile(group.files[0], "file", group.files) if _is_single_slice(group) else group
        for group in groups.values()
    ]
    return sorted(found, key=lambda group: group.name)


def slice_number(location: str) -> tuple[str, int] | None:
    """Returns the last number in the name, as it is written and as a number."""
    found = LAST_NUMBER.search(location.rpartition("/")[2].rpartition(".")[0])
    return (found[0], int(found[0])) if found else None


def with_number(location: str, digits: str) -> str:
    """Returns the location with other digits in place of its last number."""
    folder, slash, name = location.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    return folder + slash + LAST_NUMBER.sub(digits, stem) + dot + suffix


def _roots(locations: Iterable[str]) -> dict[str, str]:
    """Returns the kind of each folder with metadata of zarr or N5 in it."""
    roots: dict[str, str] = {}
    for location in locations:
        folder, _, name = location.rpartition("/")
        if name in ZARR_FILES:
            roots[folder] = "zarr"
        elif f"/{location}".endswith(f"/{N5_LEVEL}"):
            roots.setdefault(location[: -len(N5_LEVEL)].rstrip("/"), "n5")
    return roots


def _group_of(location: str, roots: dict[str, str]) -> tuple[str, str, str]:
    """Returns the key, the kind and the name of the group to which the file belongs."""
    parts = location.split("/")
    for number in range(len(parts)):
        folder = "/".join(parts[:number])
        suffix = folder[folder.rfind(".") :].lower() if "." in folder else ""
        kind = roots.get(folder) or FOLDER_SUFFIXES.get(suffix)
        if kind:
            return folder, kind, folder
    stem, _, suffix = parts[-1].rpartition(".")  # without the suffix: .jp2 has a digit, too
    if parts[-1].lower().endswith(STACK_SUFFIXES) and LAST_NUMBER.search(stem):
        name = with_number(location, "#")
        return name[: -len(suffix)] + suffix.lower(), "stack", name
    return location, "file", location


def _is_single_slice(group: LogicalFile) -> bool:
    return group.kind == "stack" and len(group.files) == 1
