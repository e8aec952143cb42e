"""portal get: a dataset's files, from tape if need be, verified."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
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

from portal_cli.getting.downloading import Download, Receipt
from portal_cli.getting.fetching import Interrupted, Result
from portal_cli.getting.portal import OutOfReach, Portal, Unknown
from portal_cli.getting.portal import Progress as Staging
from portal_cli.instance import (
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
        self._here = self.progress.add_task(f"{files} files", total=size)

    def staging(self, progress: Staging) -> None:
        if self._tape is None:
            self._tape = self.progress.add_task(progress.state, total=progress.bytes)
        self.progress.update(
            self._tape,
            description=progress.state,
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
    named: Annotated[str, typer.Argument(metavar="PID|DOI", help="The dataset.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write to; else one named like the pid."),
    ] = None,
    file: Annotated[
        list[str] | None, typer.Option("--file", help="Only this file; may be repeated.")
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", envvar="PORTAL_URL", help="The portal's address.")
    ] = None,
    data: Data = DEFAULT,
    *,
    as_json: Json = False,
) -> None:
    """Download a dataset and verify every file of it.

    Files on tape are asked for and waited for. What is there already and right is left alone; what
    was cut off (NAME.part) goes on where it stopped. Exit codes: 0 all verified, 1 something
    failed, 2 wrong use or unknown dataset or file, 3 the portal is out of reach, 130 interrupted.
    """
    started = time.monotonic()
    try:
        portal = Portal(url or gateway_url(data))
    except NoInstance as error:
        raise fail(str(error), OUT_OF_REACH) from error
    bars = Bars(Console(stderr=True), quiet=as_json)
    download = Download(portal, output, bars)
    try:
        with bars.progress:
            receipt = download.run(named, file or [])
    except Unknown as error:
        raise fail(_lines(error), USAGE) from error
    except OutOfReach as error:
        raise fail(str(error), OUT_OF_REACH) from error
    except OSError as error:
        raise fail(f"{output}: {error}", USAGE) from error
    except (KeyboardInterrupt, Interrupted) as error:
        raise fail("interrupted; the same command goes on where it stopped", INTERRUPTED) from error
    finally:
        portal.close()
    _tell(receipt, time.monotonic() - started, as_json=as_json)
    raise typer.Exit(1 if receipt.failed else 0)


def _lines(error: Exception) -> str:
    return "\n".join(printable(line) for line in str(error).splitlines())


def _tell(receipt: Receipt, seconds: float, *, as_json: bool) -> None:
    written = [r for r in receipt.results if r.result == "downloaded"]
    if as_json:
        facts = {
            "pid": receipt.pid,
            "directory": str(receipt.folder.resolve()),
            "files": [asdict(r) for r in sorted(receipt.results, key=lambda r: r.location)],
            "bytes_downloaded": sum(r.bytes for r in written),
            "seconds": round(seconds, 3),
        }
        typer.echo(json.dumps(facts, indent=1))
        return
    present = sum(r.result == "present" for r in receipt.results)
    failed = len(receipt.failed)
    size = sum(r.bytes for r in written)
    line = f"{len(written)} files ({size} bytes) downloaded and verified"
    line += f", {present} were there" if present else ""
    line += f", {failed} failed" if failed else ""
    typer.echo(f"{line}: {receipt.folder}")
