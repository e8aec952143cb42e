"""Rules for the files of a dataset: paths, the manifest, and what each file needs."""

from collections.abc import Iterator

from portal_shared.contracts.jobs import DatasetIn, FileIn, Problem
from portal_shared.validation.file_names import (
    is_damaged_if_empty,
    name_problem,
    suggested_name,
)

EMPTY = "is empty: copy it again, or remove it"


def file_problems(found: DatasetIn, place: str) -> Iterator[Problem]:
    """Yields what is wrong with folder, manifest and files as they are described."""
    if found.folder is not None and (reason := name_problem(found.folder)):
        yield Problem(field=f"{place}.folder", reason=reason)
    if found.manifest is not None and (reason := _manifest_problem(found, found.manifest)):
        yield Problem(field=f"{place}.manifest", reason=reason)
    seen: set[str] = set()
    for n, file in enumerate(found.files):
        where = f"{place}.files[{n}]"
        yield from _one_file(file, where, in_folder=found.folder is not None)
        if file.location in seen:
            yield Problem(field=f"{where}.name", reason=f"{file.location!r} is listed twice")
        seen.add(file.location)


def _manifest_problem(found: DatasetIn, manifest: str) -> str | None:
    if found.folder is None:
        return "a manifest needs 'folder', the folder that contains it"
    if found.files:
        return "give either 'manifest' or 'files', not both"
    return name_problem(manifest)


def _one_file(file: FileIn, where: str, *, in_folder: bool) -> Iterator[Problem]:
    if "/" in file.name:
        reason = f"{file.name!r} contains a slash; write folders into 'path'"
        yield Problem(field=f"{where}.name", reason=reason)
    if file.role == "level" and file.level is None:
        yield Problem(field=f"{where}.level", reason="missing; required for a file of role 'level'")
    if file.role != "level" and file.level is not None:
        yield Problem(field=f"{where}.level", reason="allowed only for a file of role 'level'")
    if in_folder:
        place = "path" if file.path and name_problem(file.path) else "name"
        if reason := name_problem(file.location):
            suggestion = suggested_name(getattr(file, place))
            shown = f"{file.location!r}: {reason}"
            yield Problem(field=f"{where}.{place}", reason=shown, suggestion=suggestion)
        if file.size == 0 and is_damaged_if_empty(file.location):
            yield Problem(field=f"{where}.size", reason=f"{file.location!r} {EMPTY}")
        if file.sha256 is None:
            yield Problem(field=f"{where}.sha256", reason="missing; required for files to archive")
