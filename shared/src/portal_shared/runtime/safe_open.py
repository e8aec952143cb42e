"""Opens files below a folder without following links, so that no path leads out of it."""

import os
import stat
from collections.abc import Generator, Sequence
from contextlib import contextmanager

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_NEW_FILE_MODE = 0o644


def open_folder(root: int, names: Sequence[str], *, create: bool = False) -> int:
    """Returns a descriptor of the folder `names` below the open folder `root`.

    `create` makes the folders that are missing. Raises OSError, also for a link on the way.
    The caller closes the descriptor.
    """
    folder = os.dup(root)
    for name in names:
        try:
            if create:
                _make_folder(folder, name)
            below = os.open(name, _FOLDER, dir_fd=folder)
        finally:
            os.close(folder)
        folder = below
    return folder


@contextmanager
def folder_below(root: int, names: Sequence[str], *, create: bool = False) -> Generator[int]:
    """Like open_folder; closes the descriptor at the end."""
    descriptor = open_folder(root, names, create=create)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_file(folder: int, name: str, flags: int = os.O_RDONLY) -> int:
    """Returns a descriptor of a file in the open folder; does not block on a pipe.

    Raises OSError, also for a link. The caller closes the descriptor.
    """
    return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, _NEW_FILE_MODE, dir_fd=folder)


def open_regular_file(folder: int, name: str, flags: int = os.O_RDONLY) -> int:
    """Like open_file, for regular files only; raises OSError for devices and folders."""
    descriptor = open_file(folder, name, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{name!r} is not a regular file")
    return descriptor


def _make_folder(parent: int, name: str) -> None:
    try:
        os.mkdir(name, dir_fd=parent)
    except FileExistsError:
        return
