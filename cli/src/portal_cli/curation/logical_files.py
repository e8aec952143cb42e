"""Groups files that belong together: the chunks of a zarr or N5, the files of a numbered series."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

LAST_NUMBER = re.compile(r"\d+(?=\D*$)", re.ASCII)
NUMBER = re.compile(r"\d+", re.ASCII)
MIN_SLICES = 3  # whose numbers are not the last ones of their names
STACK_SUFFIXES = (
    ".tif", ".tiff", ".btf", ".tf8", ".jp2", ".j2k", ".j2c", ".jpc", ".png", ".edf", ".dcm",
    ".h5", ".hdf5", ".nx", ".nxs",
)  # fmt: skip
HDF5_SUFFIXES = (".h5", ".hdf5", ".nx", ".nxs")  # their files are rather volumes than slices
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
    singles = [group.files[0] for group in groups.values() if _is_single_slice(group)]
    found = [group for group in groups.values() if not _is_single_slice(group)]
    found += _numbered_inside(singles)
    return sorted(found, key=lambda group: group.name)


def _numbered_inside(locations: list[str]) -> list[LogicalFile]:
    """Groups files that differ in a number before the last one: 0001_25um.tif, 0002_25um.tif."""
    by_name: dict[str, list[str]] = {}
    for location in locations:
        if not location.lower().endswith(HDF5_SUFFIXES):
            for name in _templates(location):
                by_name.setdefault(name, []).append(location)
    found: list[LogicalFile] = []
    remaining = set(locations)
    for name, files in sorted(by_name.items(), key=lambda item: (-len(item[1]), item[0])):
        free = [location for location in files if location in remaining]
        if len(free) >= MIN_SLICES:
            found.append(LogicalFile(name, "stack", free))
            remaining.difference_update(free)
    return found + [LogicalFile(one, "file", [one]) for one in locations if one in remaining]


def _templates(location: str) -> list[str]:
    """Returns the location with # in place of each number of its name but the last."""
    start = location.rfind("/") + 1
    end = location.rfind(".")
    runs = list(NUMBER.finditer(location, start, end))[:-1]
    return [location[: run.start()] + "#" + location[run.end() :] for run in runs]


def slice_number(location: str, name: str = "") -> tuple[str, int] | None:
    """Returns the number of a slice of the stack `name`, as it is written and as a number.

    Without a name it is the last number in the name of the file.
    """
    span = _number_span(location, name)
    digits = location[span[0] : span[1]] if span else ""
    return (digits, int(digits)) if digits else None


def with_number(location: str, digits: str, name: str = "") -> str:
    """Returns the location with other digits in place of the number of the slice."""
    span = _number_span(location, name)
    return location[: span[0]] + digits + location[span[1] :] if span else location


def _number_span(location: str, name: str) -> tuple[int, int] | None:
    """Returns where the number is: in place of the # of `name`, or the last one."""
    for mark in re.finditer("#", name):
        found = NUMBER.match(location, mark.start())
        rest = name[mark.end() :].lower()
        is_prefix = location.startswith(name[: mark.start()])
        if found and is_prefix and location[found.end() :].lower() == rest:
            return found.span()
    start = location.rfind("/") + 1
    stem = location[start:].rpartition(".")[0]
    last = LAST_NUMBER.search(stem)
    return (start + last.start(), start + last.end()) if last else None


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
