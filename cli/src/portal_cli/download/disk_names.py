"""Finds files of a dataset whose names are one name on the disk of the reader.

The disks of macOS and Windows do not distinguish case; some do not distinguish the composed and
decomposed forms of a letter. There, one file would replace another without a word.
"""

import os
import unicodedata
from collections.abc import Callable, Collection, Iterable

from portal_shared.contracts.outside_names import folded_name, outside_path

from portal_cli.download.safe_paths import DownloadFolder


class DiskNames:
    """The files of a dataset that are one file on the disk of a folder."""

    def __init__(self, folder: DownloadFolder, locations: Iterable[str]) -> None:
        groups: dict[str, list[str]] = {}
        for location in locations:
            groups.setdefault(_folded(location), []).append(location)
        same = [sorted(group) for group in groups.values() if len(group) > 1]
        self._groups: dict[str, list[str]] = {}
        if same and folds_names(folder):
            self._groups = {location: group for group in same for location in group}

    def problem(
        self, location: str, selected: Collection[str], is_taken: Callable[[str], bool]
    ) -> str | None:
        """Returns why a file cannot be written beside the other selected ones; None if it can.

        `is_taken` returns whether there is a file of this name on the disk already.
        """
        others = [one for one in self._groups.get(location, ()) if one != location]
        before = [one for one in others if one in selected and one < location]
        if not (before or (others and is_taken(location))):
            return None
        return (
            f"it and {', '.join(map(repr, before or others))} are one name on this disk; download"
            " it alone, into another folder (--file and --output)"
        )


def folds_names(folder: DownloadFolder) -> bool:
    """Returns whether names that differ by case or by Unicode form are one name in the folder."""
    name = f".portal-{os.getpid():x}-\u00e4"  # a letter that has a decomposed form
    others = (name.upper(), unicodedata.normalize("NFD", name))
    with folder.open_subfolder([]) as descriptor:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
        try:
            return any(_exists(other, descriptor) for other in others)
        finally:
            os.unlink(name, dir_fd=descriptor)


def _exists(name: str, descriptor: int) -> bool:
    try:
        os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _folded(location: str) -> str:
    return "/".join(folded_name(part) for part in outside_path(location).split("/"))
