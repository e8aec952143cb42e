"""The files of a folder, and what of it cannot be archived. Links are never followed."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from portal_shared.contracts.jobs import Problem
from portal_shared.validation.rules import CONTROL_CHARACTERS, path_problem

MANIFEST = "portal-manifest.sha256"  # ours, of an earlier run


@dataclass(frozen=True)
class Found:
    location: str  # below the folder, slashes
    size: int
    modified: int  # nanoseconds


def walk(folder: Path, problems: list[Problem]) -> Iterator[Found]:
    """In the order of their locations; what cannot be archived is a problem."""
    yield from sorted(_walk(folder, "", problems), key=lambda f: f.location)


def _walk(folder: Path, prefix: str, problems: list[Problem]) -> Iterator[Found]:
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        problems.append(Problem(field=prefix or ".", reason=f"{error.strerror}"))
        return
    for entry in entries:
        location = prefix + entry.name
        reason = _unfit(entry, folder)
        if reason:
            shown = location.encode("utf-8", "backslashreplace").decode()
            problems.append(Problem(field=shown, reason=reason, suggestion=_better(entry.name)))
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(folder / entry.name, f"{location}/", problems)
        elif entry.name != MANIFEST:
            found = entry.stat(follow_symlinks=False)
            yield Found(location, found.st_size, found.st_mtime_ns)


def _unfit(entry: os.DirEntry[str], folder: Path) -> str | None:
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        return "has a name that is not UTF-8: rename it"
    if CONTROL_CHARACTERS.search(entry.name):
        return "has control or direction characters in its name: rename it"
    if reason := path_problem(entry.name):
        return f"has a name that cannot be kept: {reason}"
    if entry.is_symlink():
        target = os.path.realpath(folder / entry.name)
        outside = not target.startswith(os.path.realpath(folder) + os.sep)
        where = "out of its folder" if outside else "to another file"
        return f"is a link {where}: put the file itself here, or leave it out"
    mode = entry.stat(follow_symlinks=False).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return "is neither a file nor a folder"
    return None


def _better(name: str) -> str | None:
    better = CONTROL_CHARACTERS.sub("", name)
    return better if better not in ("", name) else None
