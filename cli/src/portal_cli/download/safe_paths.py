"""Opens files below one folder and nowhere else, whatever their names are.

Subfolders are opened one by one, relative to the descriptor of the folder above, without following
links.
"""

import os
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from pathlib import Path

from portal_shared.contracts.outside_names import outside_path
from portal_shared.runtime.safe_open import folder_below

MAX_NAME_BYTES = 255  # limit of common file systems
PART_SUFFIX = ".part"


class UnsafeName(Exception):
    """The location could lead out of the folder, or is not possible as a file name."""


def split_location(location: str) -> list[str]:
    """Returns the names of the subfolders and the file, as archives and scripts write them.

    Raises UnsafeName.
    """
    if {"", ".", ".."} & set(location.split("/")):
        raise UnsafeName(f"{location!r} is not a path below the folder of the dataset")
    if {"\0", "\n"} & set(location):
        raise UnsafeName(f"{location!r} contains characters that no address of a file has")
    names = outside_path(location).split("/")
    for name in names:
        try:
            length = len(name.encode())
        except UnicodeEncodeError as error:
            raise UnsafeName(f"{location!r} is not valid text") from error
        if length + len(PART_SUFFIX) > MAX_NAME_BYTES:
            raise UnsafeName(f"{location[:80]!r}… is too long for a file name")
    return names


def part_file_name(location: str, sha256: str, locations: AbstractSet[str]) -> str:
    """Returns the name of the partial file: NAME.part, unless the dataset has such a file.

    Raises UnsafeName if all possible names are taken.
    """
    for middle in ("", f".{sha256[:12]}", f".{sha256}"):
        found = f"{location}{middle}{PART_SUFFIX}"
        if found not in locations:
            return outside_path(found).rpartition("/")[2]
    raise UnsafeName(f"{location!r}: other files of the dataset have the names of its partial file")


class DownloadFolder:
    """The folder to write to; it is created if it does not exist."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self._descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)

    def close(self) -> None:
        os.close(self._descriptor)

    def open_subfolder(self, names: list[str]) -> AbstractContextManager[int]:
        """Creates and opens a subfolder; gives its descriptor. Raises OSError, also for links."""
        return folder_below(self._descriptor, names, create=True)
