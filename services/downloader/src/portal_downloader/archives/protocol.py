"""The protocol of archives, and its errors; all kinds pass the same tests.

A stage request that failed may have been accepted all the same: the caller looks up where the files
are and requests again those that are on tape.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from portal_shared.runtime.errors import Invalid, Unavailable

from portal_downloader.archives.wlcg_answers import FileProgress, Locality


class StageRefused(Invalid):
    """The archive will never accept this request: too many files, or an invalid one."""


class Busy(Unavailable):
    """The archive does not accept requests for a while."""

    def __init__(self, reason: str, *, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds  # until the next request; 0 if not specified


class NotOnDisk(Exception):
    """The file is not on the archive's disk, although it was reported there."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TransferInterrupted(Exception):
    """The bytes of a file could not be read, or only some of them; another attempt may succeed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Body:
    """The bytes of a file from `start` on; reading them may raise TransferInterrupted."""

    start: int
    chunks: AsyncIterator[bytes]


class Archive(Protocol):
    """Paths are absolute and normalized. Methods raise Unavailable, or Busy, if that may pass."""

    pins_expire: bool  # unless renewed by staging again; each is released by its own request

    async def stage(self, paths: Sequence[str]) -> str:
        """Requests the recall of these files, best in this order; returns the id of the request.

        Raises StageRefused.
        """
        ...

    async def progress(
        self, stage_id: str, paths: Sequence[str]
    ) -> Mapping[str, FileProgress] | None:
        """Returns the progress of a request for these files; None for an unknown request.

        Files that the archive does not report are left out; other files of the request may be
        among the results.
        """
        ...

    async def localities(self, paths: Sequence[str]) -> Mapping[str, Locality]:
        """Returns where each of these files is."""
        ...

    async def release(self, stage_id: str, paths: Sequence[str]) -> None:
        """Releases the pins of a request on these files."""
        ...

    async def cancel(self, stage_id: str, paths: Sequence[str]) -> None:
        """Cancels the recall of these files by a request."""
        ...

    def open_file(self, path: str, start: int) -> AbstractAsyncContextManager[Body]:
        """Opens a staged file for reading from a byte on, or from its beginning.

        Raises NotOnDisk, TransferInterrupted; never recalls a file or waits for a tape.
        """
        ...

    async def close(self) -> None: ...
