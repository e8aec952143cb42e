"""portal get: downloads datasets, restores files from tape if needed, and verifies every file."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portal_cli.instance.addresses import (
    exit_without_instance,
    gateway_url,
    is_web_address,
    unreachable,
)
from portal_cli.terminal import (
    DEFAULT_DATA,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    Data,
    Json,
    fail,
    print_json,
    printable,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from portal_cli.download.client import PortalClient
    from portal_cli.download.display import ProgressBars
    from portal_cli.download.download import DatasetDownload, DatasetResult

Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Folder to write to. For several datasets: the folder that holds one folder of each. "
        "Default: a folder named after the pid.",
    ),
]

Listing = Annotated[
    Path | None,
    typer.Option("--list", help="File with one pid or DOI per line. `-` reads standard input."),
]
Receipt = Annotated[
    Path | None,
    typer.Option("--receipt", help="File for the receipt. Default: beside the download."),
]


def get(
    *,
    identifiers: Annotated[
        list[str] | None, typer.Argument(metavar="PID|DOI...", help="Datasets to download.")
    ] = None,
    output: Output = None,
    file: Annotated[
        list[str] | None,
        typer.Option("--file", help="Download only this file. May be repeated."),
    ] = None,
    listing: Listing = None,
    search: Annotated[
        str | None, typer.Option("--search", help="Download the datasets found by these words.")
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="Maximum number of datasets.")] = 20,
    at_once: Annotated[
        int, typer.Option("--at-once", min=1, max=16, help="Files to download in parallel.")
    ] = 4,
    ranges: Annotated[
        int,
        typer.Option(
            "--ranges", min=1, max=16, help="Ranges of a large file to download in parallel."
        ),
    ] = 4,
    receipt: Receipt = None,
    url: Annotated[
        str | None, typer.Option("--url", envvar="PORTAL_URL", help="Address of the portal.")
    ] = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Download datasets and verify every file.

    Files on tape are requested for all datasets together and downloaded as they arrive. Complete
    files are not downloaded again; a partial file (NAME.part) is continued. The receipt lists all
    files with their addresses and checksums, and how to cite the datasets. Exit codes: 0 all files
    are verified, 1 some failed, 2 wrong arguments, or an unknown dataset or file, 3 the portal does
    not respond, 130 interrupted (run the same command again to continue).
    """
    from rich.console import Console

    from portal_cli.download.display import ProgressBars
    from portal_cli.download.receipt import build_receipt, default_path, write_receipt
    from portal_cli.download.selection import select_datasets

    if not identifiers and listing is None and search is None:
        raise fail("No dataset is selected: give a pid or DOI, --list or --search.", EXIT_USAGE)
    began, started = datetime.now(UTC), time.monotonic()
    with _open_portal(url, data) as portal:
        bars = ProgressBars(Console(stderr=True), quiet=as_json)
        with bars.progress:
            pids = select_datasets(portal, identifiers or [], listing, search, most)
            downloads = _downloads(portal, pids, output, bars, at_once=at_once, ranges=ranges)
            for pid, download in zip(pids, downloads, strict=True):
                download.request(pid, file or [])
            results = _fetch_all(downloads)
        path = receipt or default_path([result.folder for result in results], output)
        write_receipt(path, build_receipt(portal, results, began))
    _print(results, path, time.monotonic() - started, as_json=as_json)
    raise typer.Exit(EXIT_FAILED if any(result.failed for result in results) else 0)


@contextmanager
def _open_portal(url: str | None, data: Path) -> Generator[PortalClient]:
    """Yields a client; ends the command with the exit code for what goes wrong meanwhile."""
    import httpx

    from portal_cli.download.client import OutOfReach, PortalClient, SelectionError
    from portal_cli.download.ranges import Interrupted

    with exit_without_instance():
        address = url or gateway_url(data)
    if not is_web_address(address):
        raise fail(f"{address} is not the address of a portal: it must be like "
                   "http://host:port (--url, PORTAL_URL).", EXIT_USAGE)  # fmt: skip
    portal = PortalClient(address)
    try:
        yield portal
    except SelectionError as error:
        raise fail(_printable_lines(error), EXIT_USAGE) from error
    except (OutOfReach, httpx.InvalidURL) as error:
        words = f"{unreachable('portal')}: " if url == os.environ.get("PORTAL_URL") else ""
        raise fail(f"{words}{error}", EXIT_UNREACHABLE) from error
    except OSError as error:
        raise fail(f"The files cannot be written: {error}", EXIT_USAGE) from error
    except (KeyboardInterrupt, Interrupted) as error:
        raise fail(
            "Interrupted. Run the same command again to continue.", EXIT_INTERRUPTED
        ) from error
    finally:
        portal.close()


def _downloads(
    portal: PortalClient,
    pids: Sequence[str],
    output: Path | None,
    bars: ProgressBars,
    **limits: int,
) -> list[DatasetDownload]:
    """Returns a download for each dataset; several get a folder each. Raises SelectionError."""
    from portal_shared.contracts.file_urls import folder_name
    from portal_shared.contracts.outside_names import folded_name

    from portal_cli.download.client import SelectionError
    from portal_cli.download.download import DatasetDownload

    if len(pids) == 1:
        return [DatasetDownload(portal, output, bars, **limits)]
    names = [folder_name(pid) for pid in pids]
    by_name: dict[str, str] = {}
    for name in names:
        other = by_name.get(folded_name(name))
        by_name[folded_name(name)] = name
        if other is not None:
            same = name if name == other else f"{other}, which is also {name} on some disks"
            raise SelectionError(
                f"Two of these datasets would be written to the same folder {same}. "
                "Download them one by one."
            )
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
    return [DatasetDownload(portal, (output or Path()) / name, bars, **limits) for name in names]


def _fetch_all(downloads: Sequence[DatasetDownload]) -> list[DatasetResult]:
    """Fetches one dataset after the other; in between, requests what exceeded the quota before."""
    results: list[DatasetResult] = []
    for download in downloads:
        results.append(download.fetch())
        all(other.try_request() for other in downloads)  # stops at the first that is still refused
    return results


def _printable_lines(error: Exception) -> str:
    return "\n".join(printable(line) for line in str(error).splitlines())


def _print(
    results: Sequence[DatasetResult], receipt: Path, seconds: float, *, as_json: bool
) -> None:
    if as_json:
        datasets = [_facts(result) for result in results]
        facts = {**(datasets[0] if len(datasets) == 1 else {"datasets": datasets})}
        facts |= {"receipt": str(receipt.resolve()), "seconds": round(seconds, 3)}
        print_json(facts)
        return
    for result in results:
        downloaded = [f for f in result.files if f.result == "downloaded"]
        present = sum(f.result == "present" for f in result.files)
        size = sum(f.bytes for f in downloaded)
        line = f"{len(downloaded)} files ({size} bytes) downloaded and verified"
        line += f", {present} were already complete" if present else ""
        line += f", {len(result.failed)} failed" if result.failed else ""
        typer.echo(f"{line}: {result.folder}")
    typer.echo(f"receipt: {receipt}")


def _facts(result: DatasetResult) -> dict[str, Any]:
    return {
        "pid": result.pid,
        "directory": str(result.folder.resolve()),
        "files": [asdict(f) for f in sorted(result.files, key=lambda f: f.location)],
        "bytes_downloaded": sum(f.bytes for f in result.files if f.result == "downloaded"),
    }
