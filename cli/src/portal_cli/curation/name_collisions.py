"""Finds names that are different here, but one name on macOS or Windows."""

from collections.abc import Iterable

from portal_shared.contracts.jobs import Problem
from portal_shared.contracts.outside_names import colliding_paths, collision_reason

MAX_LISTED = 20


def collision_warnings(locations: Iterable[str]) -> list[Problem]:
    """Warns of files and folders that differ only by case or by Unicode normal form.

    Of two such files, an unpacked archive has one. A folder is reported, not the files in it.
    """
    found = [
        Problem(field=paths[0], reason=collision_reason(paths))
        for paths in colliding_paths(locations)
    ]
    more = len(found) - MAX_LISTED
    if more > 0:
        rest = Problem(field=".", reason=f"{more} more pairs of names differ by case only")
        return [*found[:MAX_LISTED], rest]
    return found
