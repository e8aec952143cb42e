"""Rules for the names of files: which cannot be archived, and which other systems cannot have.

`portal curate` and ingest judge names by these rules alone, without reading the files.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import translate

from portal_shared.contracts.file_roles import CONTAINER
from portal_shared.contracts.jobs import Problem
from portal_shared.contracts.outside_names import (
    colliding_paths,
    collision_reason,
    outside_path,
)
from portal_shared.validation.rules import (
    CONTROL_CHARACTERS,
    INVISIBLE,
    MAX_TEXT_CHARS,
    SPREADSHEET_ERROR,
    path_problem,
)

MAX_LISTED = 10  # in one warning
MAX_COLLISIONS = 20
MAX_NAME_BYTES = 255  # of file systems, in UTF-8
KINDS: dict[str, tuple[str, ...]] = {
    "a preview or setting of Windows": (
        "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$recycle.bin",
        "system volume information",
    ),
    "a setting of macOS": (
        ".ds_store", ".apdisk", ".localized", ".spotlight-v100", ".trashes", ".fseventsd",
        ".temporaryitems", ".documentrevisions-v100", ".appledouble", "__macosx",
    ),
    "a resource file of macOS": ("._*",),
    "a lock of an open office document": ("~$*", ".~lock.*#"),
    "a temporary file of an editor": (".*.sw[a-p]", ".#*"),
    "a setting of a desktop or file server": (
        ".directory", ".trash-*", "lost+found", "@eadir", ".nfs*", ".fuse_hidden*", ".snapshot",
    ),
    "an unfinished result of `portal curate`": (".portal-*.part",),
    "a cache of Python or Jupyter": ("__pycache__", ".ipynb_checkpoints"),
}  # fmt: skip
_KINDS = {kind: re.compile("|".join(map(translate, patterns))) for kind, patterns in KINDS.items()}
WITH_HEADER = (  # formats of which no valid file is empty
    ".tif", ".tiff", ".btf", ".tf8", ".jp2", ".j2k", ".j2c", ".jpc", ".jpx", ".png", ".edf",
    ".dcm", ".h5", ".hdf5", ".he5", ".nx", ".nxs",
)  # fmt: skip


def system_file_kind(name: str) -> str | None:
    """Returns what a file or folder with this name is, if an archive has no use for it."""
    lowered = name.lower()
    return next((kind for kind, names in _KINDS.items() if names.fullmatch(lowered)), None)


def name_problem(location: str) -> str | None:
    """Returns why no file or folder with this name, or at this path, can be archived."""
    if len(location) > MAX_TEXT_CHARS:
        return f"the path has more than {MAX_TEXT_CHARS} characters: rename it"
    try:
        location.encode()
    except UnicodeEncodeError:
        return "the name is not UTF-8: rename it"
    if CONTROL_CHARACTERS.search(location):
        return "the name contains control or direction characters: rename it"
    if found := INVISIBLE.search(location):
        return f"the name contains the invisible character U+{ord(found[0]):04X}: rename it"
    for name in location.split("/"):
        if reason := _part_problem(name):
            return reason
    reason = path_problem(location)
    return f"the name cannot be used: {reason}" if reason else None


def _part_problem(name: str) -> str | None:
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"the name has more than {MAX_NAME_BYTES} bytes in UTF-8: rename it"
    if SPREADSHEET_ERROR.fullmatch(name.partition(".")[0].strip()):
        return f"{name!r} is an error of a spreadsheet: give the name itself"
    return None


def suggested_name(name: str) -> str | None:
    """Returns the name without characters that nobody sees; None if that is no other name."""
    suggestion = INVISIBLE.sub("", CONTROL_CHARACTERS.sub("", name))
    return suggestion if suggestion not in ("", name) else None


def is_damaged_if_empty(location: str) -> bool:
    """Returns whether a file at this location is no valid one if it has no bytes."""
    return location.lower().endswith(WITH_HEADER) or any(
        CONTAINER.search(folder) for folder in location.split("/")[:-1]
    )


def name_warnings(locations: Iterable[str]) -> list[Problem]:
    """Warns of names that other systems cannot have, or have once: the field is the location.

    A folder is reported, not the files in it.
    """
    found = list(locations)
    return [*_collision_warnings(found), *_rewritten_warnings(found)]


def _collision_warnings(locations: Iterable[str]) -> list[Problem]:
    """Warns of files and folders that differ only by case or by Unicode normal form.

    Of two such files, an unpacked archive has one.
    """
    found = [
        Problem(field=paths[0], reason=collision_reason(paths))
        for paths in colliding_paths(locations)
    ]
    more = len(found) - MAX_COLLISIONS
    if more > 0:
        rest = Problem(field=".", reason=f"{more} more pairs of names differ by case only")
        return [*found[:MAX_COLLISIONS], rest]
    return found


def _rewritten_warnings(locations: Iterable[str]) -> list[Problem]:
    """Warns of the first name that archives write in another way, as Windows does not allow it."""
    found = _paths_with(locations, lambda name: outside_path(name) != name)
    if not found:
        return []
    written = outside_path(found[0].rpartition("/")[2])
    reason = (
        f"is {written!r} in archives and downloads, as some systems cannot store such a name:"
        f" rename it{_others(found)}"
    )
    return [Problem(field=found[0], reason=reason)]


def system_file_warnings(locations: Iterable[str], advice: str) -> list[Problem]:
    """Returns one warning for each kind, with its first locations and the number of others."""
    by_kind: dict[str, list[str]] = {}
    for location in _paths_with(locations, system_file_kind):
        kind = system_file_kind(location.rpartition("/")[2])
        by_kind.setdefault(kind or "", []).append(location)
    return [
        Problem(field=found[0], reason=f"is {kind} and {advice}{_others(found)}")
        for kind, found in by_kind.items()
    ]


def empty_file_warnings(sizes: Mapping[str, int | None]) -> list[Problem]:
    """Returns a warning of the files without a byte; those without a known size are left out."""
    found = sorted(location for location, size in sizes.items() if size == 0)
    return [Problem(field=found[0], reason=f"is empty{_others(found)}")] if found else []


def _paths_with(locations: Iterable[str], judge: Callable[[str], object]) -> list[str]:
    """Returns, sorted, the files or outermost folders whose names are judged true."""
    judged: dict[str, bool] = {}
    found: set[str] = set()
    for location in locations:
        end = -1
        while end < len(location):
            start = end + 1
            end = location.find("/", start)
            end = len(location) if end < 0 else end
            name = location[start:end]
            if name not in judged:
                judged[name] = bool(judge(name))
            if judged[name]:
                found.add(location[:end])
                break
    return sorted(found)


def _others(found: list[str]) -> str:
    if len(found) == 1:
        return ""
    more = len(found) - MAX_LISTED
    return f"; so are {', '.join(found[1:MAX_LISTED])}{f' and {more} more' if more > 0 else ''}"
