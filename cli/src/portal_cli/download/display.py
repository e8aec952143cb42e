"""Progress bars of `portal get`: files restored from tape, and files written here."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from portal_cli.download.client import StagingProgress
from portal_cli.download.fetcher import FileResult
from portal_cli.terminal import printable


def staging_line(progress: StagingProgress) -> str:
    """Returns the state, the place in the queue, and the time left if the portal knows it."""
    line = progress.state
    if progress.place is not None and not progress.done:
        line += f", place {progress.place} in the queue"
    if progress.seconds_left is not None and not progress.done:
        minutes = progress.seconds_left / 60
        left = f"{progress.seconds_left:.0f} s" if minutes < 2 else f"{minutes:.0f} min"  # noqa: PLR2004
        line += f", about {left} left"
    return line


class ProgressBars:
    """Two bars on standard error; failed files are printed above them."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self.progress = Progress(
            TextColumn("{task.description:>9}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=quiet,
        )
        self._staging_task: TaskID | None = None
        self._download_task: TaskID | None = None

    def begin(self, files: int, size: int) -> None:
        self._staging_task = None  # that of the previous dataset stays as it is
        self._download_task = self.progress.add_task(f"{files} files", total=size)

    def staging(self, progress: StagingProgress) -> None:
        if self._staging_task is None:
            self._staging_task = self.progress.add_task(progress.state, total=progress.bytes)
        self.progress.update(
            self._staging_task,
            description=staging_line(progress),
            total=progress.bytes,
            completed=progress.bytes_online,
        )

    def advance(self, count: int) -> None:
        if self._download_task is not None:
            self.progress.advance(self._download_task, count)

    def finished(self, result: FileResult) -> None:
        if result.result == "failed":
            self._console.print(
                printable(f"{result.location}: {result.reason}"), markup=False, style="red"
            )
