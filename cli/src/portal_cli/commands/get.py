"""portal get: a dataset's files, from tape if need be, verified."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from portal_shared.contracts.file_urls import folder_name
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

from portal_cli.download import receipt as receipts
from portal_cli.download.client import OutOfReach, Portal, Unknown
from portal_cli.download.client import Progress as Staging
from portal_cli.download.download import Download, Receipt
from portal_cli.download.fetcher import Result
from portal_cli.download.ranges import Interrupted
from portal_cli.download.selection import datasets
from portal_cli.instance.facts import (
    DEFAULT,
    OUT_OF_REACH,
    USAGE,
    Data,
    Json,
    NoInstance,
    fail,
    gateway_url,
)

INTERRUPTED = 130


def printable(text: str) -> str:
    """What others named, without what would steer a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def staging_line(progress: Staging) -> str:
    """Its state, and what the portal says of the time it may take."""
    line = progress.state
    if progress.place is not None and not progress.done:
        line += f", place {progress.place} in the queue"
    if progress.seconds_left is not None and not progress.done:
        minutes = progress.seconds_left / 60
        left = f"{progress.seconds_left:.0f} s" if minutes < 2 else f"{minutes:.0f} min"  # noqa: PLR2004
        line += f", about {left} left"
    return line


class Bars:
    """Two bars on standard error: what is restored from tape, what is written here."""

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
        self._tape: TaskID | None = None
        self._here: TaskID | None = None

    def begin(self, files: int, size: int) -> None:
        self._tape = None  # of the dataset before
        self._here = self.progress.add_task(f"{files} files", total=size)

    def staging(self, progress: Staging) -> None:
        if self._tape is None:
            self._tape = self.progress.add_task(progress.state, total=progress.bytes)
        self.progress.update(
            self._tape,
            description=staging_line(progress),
            total=progress.bytes,
            completed=progress.bytes_online,
        )

    def advance(self, count: int) -> None:
        if self._here is not None:
            self.progress.advance(self._here, count)

    def finished(self, result: Result) -> None:
        if result.result == "failed":
            self._console.print(
                printable(f"{result.location}: {result.reason}"), markup=False, style="red"
            )


def get(
    *,
    named: Annotated[
        list[str] | None, typer.Argument(metavar="PID|DOI...", help="The datasets.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder of the dataset, or of the folders of several; else named like the pids.",
        ),
    ] = None,
    file: Annotated[
        list[str] | None, typer.Option("--file", help="Only this file; may be repeated.")
    ] = None,
    listing: Annotated[
        Path | None,
        typer.Option("--list", help="Pids or DOIs, one a line; - is standard input."),
    ] = None,
    search: Annotated[
        str | None, typer.Option("--search", help="Words: the datasets the portal finds by them.")
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="Datasets at most.")] = 20,
    at_once: Annotated[int, typer.Option("--at-once", min=1, max=16, help="Files at once.")] = 4,
    ranges: Annotated[
        int, typer.Option("--ranges", min=1, max=16, help="Ranges of a large file at once.")
    ] = 4,
    place: Annotated[
        Path | None,
        typer.Option("--receipt", help="Where the receipt goes; else beside what is downloaded."),
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", envvar="PORTAL_URL", help="The portal's address.")
    ] = None,
    data: Data = DEFAULT,
    as_json: Json = False,
) -> None:
    """Download datasets and verify every file of them.

    Files on tape are asked for, of all datasets at once, and fetched as they come. What is there
    already and right is left alone; what was cut off (NAME.part) goes on where it stopped. A
    receipt says what came, from where, with which checksum, and how to cite it. Exit codes: 0 all
    verified, 1 something failed, 2 wrong use or unknown dataset or file, 3 the portal is out of
    reach, 130 interrupted.
    """
    began, started = datetime.now(UTC), time.monotonic()
    try:
        portal = Portal(url or gateway_url(data))
    except NoInstance as error:
        raise fail(str(error), OUT_OF_REACH) from error
    bars = Bars(Console(stderr=True), quiet=as_json)
    try:
        with bars.progress:
            pids = datasets(portal, named or [], listing, search, most)
            downloads = _downloads(portal, pids, output, bars, at_once=at_once, ranges=ranges)
            for pid, download in zip(pids, downloads, strict=True):
                download.ask(pid, file or [])
            done = _finished(downloads)
        where = place or receipts.default_place([r.folder for r in done], output)
        receipts.write(where, receipts.receipt(portal, done, began))
    except Unknown as error:
        raise fail(_lines(error), USAGE) from error
    except OutOfReach as error:
        raise fail(str(error), OUT_OF_REACH) from error
    except OSError as error:
        raise fail(f"cannot be written: {error}", USAGE) from error
    except (KeyboardInterrupt, Interrupted) as error:
        raise fail("interrupted; the same command goes on where it stopped", INTERRUPTED) from error
    finally:
        portal.close()
    _tell(done, where, time.monotonic() - started, as_json=as_json)
    raise typer.Exit(1 if any(receipt.failed for receipt in done) else 0)


def _finished(downloads: Sequence[Download]) -> list[Receipt]:
    """One after the other; what was too much to ask for follows as there is room for it."""
    done: list[Receipt] = []
    for download in downloads:
        done.append(download.finish())
        all(other.is_asked() for other in downloads)  # up to the first that is too much
    return done


def _downloads(
    portal: Portal, pids: Sequence[str], output: Path | None, bars: Bars, **how: int
) -> list[Download]:
    """One of each dataset; several have folders of their own below the output. Raises Unknown."""
    if len(pids) == 1:
        return [Download(portal, output, bars, **how)]
    names = [folder_name(pid) for pid in pids]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Unknown(f"two of the datasets would be written to {twice}: download them one by one")
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
    return [Download(portal, (output or Path()) / name, bars, **how) for name in names]


def _lines(error: Exception) -> str:
    return "\n".join(printable(line) for line in str(error).splitlines())


def _tell(done: Sequence[Receipt], where: Path, seconds: float, *, as_json: bool) -> None:
    if as_json:
        told = [_facts(receipt) for receipt in done]
        facts = {**(told[0] if len(told) == 1 else {"datasets": told})}
        facts |= {"receipt": str(where.resolve()), "seconds": round(seconds, 3)}
        typer.echo(json.dumps(facts, indent=1))
        return
    for receipt in done:
        written = [r for r in receipt.results if r.result == "downloaded"]
        present = sum(r.result == "present" for r in receipt.results)
        failed = len(receipt.failed)
        size = sum(r.bytes for r in written)
        line = f"{len(written)} files ({size} bytes) downloaded and verified"
        line += f", {present} were there" if present else ""
        line += f", {failed} failed" if failed else ""
        typer.echo(f"{line}: {receipt.folder}")
    typer.echo(f"receipt: {where}")


def _facts(receipt: Receipt) -> dict[str, Any]:
    return {
        "pid": receipt.pid,
        "directory": str(receipt.folder.resolve()),
        "files": [asdict(r) for r in sorted(receipt.results, key=lambda r: r.location)],
        "bytes_downloaded": sum(r.bytes for r in receipt.results if r.result == "downloaded"),
    }
