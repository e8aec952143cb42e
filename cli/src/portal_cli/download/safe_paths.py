"""Where files are written: below one folder and nowhere else, whatever their names say.

Folders are opened one by one below the folder's own descriptor, following no links.
"""

import os
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from pathlib import Path

from portal_shared.runtime.safe_open import folder_below

LONGEST_PART = 255  # bytes, as file systems have it
PART = ".part"


class Refused(Exception):
    """A name that could lead out of the folder, or that no file can have."""


def parts_of(location: str) -> list[str]:
    """The folders and the name. Raises Refused."""
    parts = location.split("/")
    for part in parts:
        if part in ("", ".", ".."):
            raise Refused(f"{location!r} is no name below a folder")
        if "\\" in part or any(ord(c) < 32 or ord(c) == 127 for c in part):  # noqa: PLR2004
            raise Refused(f"{location!r} has characters no file name should have")
        try:
            length = len(part.encode())
        except UnicodeEncodeError as error:
            raise Refused(f"{location!r} is no text") from error
        if length + len(PART) > LONGEST_PART:
            raise Refused(f"{location[:80]!r}… is too long")
    return parts


def part_name(location: str, sha256: str, locations: AbstractSet[str]) -> str:
    """Of the growing file: NAME.part, unless a file of the dataset is called so. Raises Refused."""
    for middle in ("", f".{sha256[:12]}", f".{sha256}"):
        found = f"{location}{middle}{PART}"
        if found not in locations:
            return found.rpartition("/")[2]
    raise Refused(f"{location!r}: other files are named as if they were its halves")


class Folder:
    """The folder that was asked for; made when it is not there."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self._descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)

    def close(self) -> None:
        os.close(self._descriptor)

    def inside(self, folders: list[str]) -> AbstractContextManager[int]:
        """A descriptor of the folder below; raises OSError, also for a link on the way."""
        return folder_below(self._descriptor, folders, create=True)
