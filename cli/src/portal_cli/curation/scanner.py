"""Scans a folder for files, and for what cannot be archived. Links are never followed."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from portal_shared.contracts.jobs import Problem
from portal_shared.validation.rules import CONTROL_CHARACTERS, path_problem

MANIFEST = "portal-manifest.sha256"  # written by an earlier run


@dataclass(frozen=True)
class ScannedFile:
    location: str  # path below the folder, with slashes
    size: int
    modified: int  # nanoseconds


def scan_folder(folder: Path, problems: list[Problem]) -> Iterator[ScannedFile]:
    """Yields the files sorted by location; adds what cannot be archived to `problems`."""
    yield from sorted(_scan(folder, "", problems), key=lambda f: f.location)


def _scan(folder: Path, prefix: str, problems: list[Problem]) -> Iterator[ScannedFile]:
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        reason = f"the folder cannot be read: {error.strerror}"
        problems.append(Problem(field=prefix or ".", reason=reason))
        return
    for entry in entries:
        location = prefix + entry.name
        reason = _why_not_archivable(entry, folder)
        if reason:
            shown = location.encode("utf-8", "backslashreplace").decode()
            suggestion = _suggested_name(entry.name)
            problems.append(Problem(field=shown, reason=reason, suggestion=suggestion))
        elif entry.is_dir(follow_symlinks=False):
            yield from _scan(folder / entry.name, f"{location}/", problems)
        elif entry.name != MANIFEST:
            found = entry.stat(follow_symlinks=False)
            yield ScannedFile(location, found.st_size, found.st_mtime_ns)


def _why_not_archivable(entry: os.DirEntry[str], folder: Path) -> str | None:
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        return "the name is not UTF-8: rename it"
    if CONTROL_CHARACTERS.search(entry.name):
        return "the name contains control or direction characters: rename it"
    if reason := path_problem(entry.name):
        return f"the name cannot be used: {reason}"
    if entry.is_symlink():
        target = os.path.realpath(folder / entry.name)
        is_outside = not target.startswith(os.path.realpath(folder) + os.sep)
        where = "out of its folder" if is_outside else "to another file"
        return f"is a link {where}: replace it by the file itself, or remove it"
    mode = entry.stat(follow_symlinks=False).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return "is neither a file nor a folder: remove it"
    return None


def _suggested_name(name: str) -> str | None:
    suggestion = CONTROL_CHARACTERS.sub("", name)
    return suggestion if suggestion not in ("", name) else None
