"""Scans a folder for files, and for what cannot or need not be archived.

Links are never followed.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from portal_shared.contracts.jobs import Problem
from portal_shared.validation.file_names import (
    name_problem,
    name_warnings,
    suggested_name,
    system_file_kind,
    system_file_warnings,
)
from portal_shared.validation.private_texts import find_private_text

DICOM = (".dcm", ".dicom", ".ima")  # endings of names
MANIFEST = "portal-manifest.sha256"  # written by an earlier run


@dataclass(frozen=True)
class ScannedFile:
    location: str  # path below the folder, with slashes
    size: int
    modified: int  # nanoseconds


@dataclass
class ScannedFolder:
    """Files sorted by location, what cannot be archived, and what users should know."""

    files: list[ScannedFile] = field(default_factory=list[ScannedFile])
    problems: list[Problem] = field(default_factory=list[Problem])
    warnings: list[Problem] = field(default_factory=list[Problem])


def scan_folder(folder: Path) -> ScannedFolder:
    """Lists all files below a folder; those of operating systems are left out with a warning."""
    found = ScannedFolder()
    left_out: list[str] = []
    found.files = sorted(_scan(folder, "", found.problems, left_out), key=lambda f: f.location)
    found.warnings += system_file_warnings(left_out, "is left out")
    found.warnings += name_warnings(file.location for file in found.files)
    found.warnings += _private_names(found.files)
    found.warnings += _clinical_files(found.files)
    return found


def _clinical_files(files: list[ScannedFile]) -> list[Problem]:
    """Warns of the first DICOM file: its header usually names the patient. It is not read."""
    found = [
        file.location
        for file in files
        if file.location.lower().endswith(DICOM) or file.location.endswith("DICOMDIR")
    ]
    if not found:
        return []
    others = f", and so are {len(found) - 1} more" if len(found) > 1 else ""
    reason = (
        f"is DICOM{others}: headers of DICOM hold names, dates of birth and hospitals of patients,"
        " and files are published as they are; remove these fields first (DICOM PS3.15, annex E)"
    )
    return [Problem(field=found[0], reason=reason)]


def _private_names(files: list[ScannedFile]) -> list[Problem]:
    """Warns of the first file whose path looks like private data; its content is not read."""
    found = [(file.location, kind) for file in files if (kind := _private_kind(file.location))]
    if not found:
        return []
    location, kind = found[0]
    others = f"; so do {len(found) - 1} more" if len(found) > 1 else ""
    reason = (
        f"the name looks like {kind}{others}; names of files are public: rename what is private"
    )
    return [Problem(field=location, reason=reason)]


def _private_kind(location: str) -> str | None:
    """Returns what a part of the path looks like; numbers of chunks (12.3.1990) are no dates."""
    parts = (part for part in location.split("/") if any(c.isalpha() for c in part) or "-" in part)
    return next((k for part in parts if (k := find_private_text(part.replace("_", " ")))), None)


def _scan(
    folder: Path, prefix: str, problems: list[Problem], left_out: list[str]
) -> Iterator[ScannedFile]:
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        reason = f"the folder cannot be read: {error.strerror}"
        problems.append(Problem(field=prefix or ".", reason=reason))
        return
    for entry in entries:
        location = prefix + entry.name
        if system_file_kind(entry.name):
            left_out.append(location)
            continue
        reason = _why_not_archivable(entry, folder)
        if reason:
            shown = location.encode("utf-8", "backslashreplace").decode()
            suggestion = suggested_name(entry.name)
            problems.append(Problem(field=shown, reason=reason, suggestion=suggestion))
        elif entry.is_dir(follow_symlinks=False):
            yield from _scan(folder / entry.name, f"{location}/", problems, left_out)
        elif entry.name != MANIFEST:
            found = entry.stat(follow_symlinks=False)
            yield ScannedFile(location, found.st_size, found.st_mtime_ns)


def _why_not_archivable(entry: os.DirEntry[str], folder: Path) -> str | None:
    return name_problem(entry.name) or _kind_problem(entry, folder)


def _kind_problem(entry: os.DirEntry[str], folder: Path) -> str | None:
    if entry.is_symlink():
        target = os.path.realpath(folder / entry.name)
        is_outside = not target.startswith(os.path.realpath(folder) + os.sep)
        where = "out of its folder" if is_outside else "to another file"
        return f"is a link {where}: replace it by the file itself, or remove it"
    mode = entry.stat(follow_symlinks=False).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return "is neither a file nor a folder: remove it"
    if not os.access(folder / entry.name, os.R_OK):
        return "cannot be read: you have no permission"
    return None
