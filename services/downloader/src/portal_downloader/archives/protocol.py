"""What an archive can do, whichever it is; every kind keeps to the same tests.

A stage request that failed may have been accepted all the same: whoever asked finds out where the
files are, and asks again for those that are on tape.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from portal_shared.runtime.errors import Invalid, Unavailable

from portal_downloader.archives.wlcg_answers import FileTold, Locality


class TooMuch(Invalid):
    """This request will never be accepted: too many files, or something in it is wrong."""


class Busy(Unavailable):
    def __init__(self, reason: str, *, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds  # to leave it alone, if it said so


class NotThere(Exception):
    """The file is not on the archive's disk, whatever was said of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CutOff(Exception):
    """Its bytes could not be had, or not all of them; another try may."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Body:
    """The bytes of a file from `start` on; reading them may raise CutOff."""

    start: int
    chunks: AsyncIterator[bytes]


class Archive(Protocol):
    """Paths are absolute and normal. Raises Unavailable (Busy, if it says for how long) for what
    may pass."""

    pins_run_out: bool  # unless they are renewed, by asking again; each is let go by its request

    async def stage(self, paths: Sequence[str]) -> str:
        """Ask for these, best in this order; the id of the request. Raises TooMuch."""
        ...

    async def progress(self, stage_id: str, paths: Sequence[str]) -> Mapping[str, FileTold] | None:
        """How far a request is with these; None when it is not known any more."""
        ...

    async def localities(self, paths: Sequence[str]) -> Mapping[str, Locality]:
        """Where each of these is."""
        ...

    async def release(self, stage_id: str, paths: Sequence[str]) -> None:
        """They need not be kept on disk for us any more."""
        ...

    async def cancel(self, stage_id: str, paths: Sequence[str]) -> None:
        """They are not wanted any more."""
        ...

    def reading(self, path: str, start: int) -> AbstractAsyncContextManager[Body]:
        """Read a file that was staged, from a byte on, or from its beginning if it must be.

        Raises NotThere, CutOff; recalls nothing and waits for no tape.
        """
        ...

    async def close(self) -> None: ...
