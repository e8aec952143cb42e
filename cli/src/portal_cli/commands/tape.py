"""portal tape: shows files that could not be restored from tape."""

from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from portal_cli.instance.addresses import exit_if_unreachable, service_urls
from portal_cli.terminal import DEFAULT_DATA, Data, Json, print_json, printable

app = typer.Typer(help="Show files that could not be restored from tape.", no_args_is_help=True)
COLUMNS = ("pid", "location", "state", "attempts", "reason")


@app.callback()
def tape() -> None:
    """Show files that could not be restored from tape."""


@app.command()
def failures(
    data: Data = DEFAULT_DATA,
    state: Annotated[
        str | None,
        typer.Option(
            "--state",
            help="Only files in this state: failed, expired, lost, unverifiable or queued.",
        ),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """List files whose recall failed, delivered wrong content or is being repeated.

    Files in quarantine are listed, too. Exit codes: 0 there are none, 1 there are some, 3 the
    downloader does not respond.
    """
    report = _read_failures(data)
    files: list[dict[str, Any]] = [f for f in report["files"] if state in (None, f["state"])]
    if as_json:
        print_json({**report, "files": files})
    else:
        _print_report(files, report["quarantine"])
    raise typer.Exit(1 if files else 0)


def _read_failures(data: Path) -> dict[str, Any]:
    with exit_if_unreachable("downloader"):
        response = httpx.get(f"{service_urls(data)['downloader']}/failures", timeout=30)
        report: dict[str, Any] = response.raise_for_status().json()
    return report


def _print_report(files: list[dict[str, Any]], quarantine: list[dict[str, Any]]) -> None:
    if files:
        table = Table(*COLUMNS)
        for file in files:
            table.add_row(*(printable(str(file[name] or "")) for name in COLUMNS))
        Console().print(table)
    else:
        typer.echo("none")
    for file in quarantine:
        typer.echo(printable(f"in quarantine: {file['name']} ({file['bytes']} bytes)"))
