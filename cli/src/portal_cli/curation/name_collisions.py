"""Finds names that are different here, but one name on macOS or Windows."""

import unicodedata
from collections.abc import Iterable

from portal_shared.contracts.jobs import Problem

MAX_LISTED = 20


def collision_warnings(locations: Iterable[str]) -> list[Problem]:
    """Warns of files and folders that differ only by case or by Unicode normal form.

    Of two such files, an unpacked archive has one. A folder is reported, not the files in it.
    """
    by_key: dict[tuple[str, str], set[str]] = {}
    for path in _with_folders(locations):
        folder, _, name = path.rpartition("/")
        by_key.setdefault((folder, folded_name(name)), set()).add(path)
    found = [_warning(sorted(paths)) for paths in by_key.values() if len(paths) > 1]
    more = len(found) - MAX_LISTED
    if more > 0:
        rest = Problem(field=".", reason=f"{more} more pairs of names differ by case only")
        return [*found[:MAX_LISTED], rest]
    return found


def _with_folders(locations: Iterable[str]) -> set[str]:
    paths: set[str] = set()
    for location in locations:
        path = location
        while path and path not in paths:
            paths.add(path)
            path = path.rpartition("/")[0]
    return paths


def folded_name(name: str) -> str:
    """Returns the name for caseless comparison (Unicode 15, definition D145)."""
    decomposed = unicodedata.normalize("NFD", name).casefold()
    return unicodedata.normalize("NFD", decomposed)


def _warning(paths: list[str]) -> Problem:
    forms = {unicodedata.normalize("NFC", path) for path in paths}
    how = "in the composition of their letters" if len(forms) == 1 else "in upper and lower case"
    others = ", ".join(repr(path.rpartition("/")[2]) for path in paths[1:])
    reason = (
        f"and {others} differ only {how}: they are one name on Windows and macOS, where one of"
        " them would be lost; rename one"
    )
    return Problem(field=paths[0], reason=reason)
