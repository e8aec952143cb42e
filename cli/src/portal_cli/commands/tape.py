"""portal tape: shows files that could not be restored from tape."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from portal_cli.instance.addresses import exit_if_unreachable, operator_client
from portal_cli.terminal import DEFAULT_DATA, Data, Json, print_json, print_table, printable

app = typer.Typer(
    help="Show files that could not be restored from tape.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
COLUMNS = ("pid", "location", "state", "attempts", "reason")


class State(StrEnum):
    """States of a file that the report lists."""

    FAILED = "failed"
    EXPIRED = "expired"
    LOST = "lost"
    UNVERIFIABLE = "unverifiable"
    QUEUED = "queued"


@app.callback()
def tape() -> None:
    """Show files that could not be restored from tape."""


@app.command()
def failures(
    data: Data = DEFAULT_DATA,
    state: Annotated[
        State | None, typer.Option("--state", help="Only files in this state.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """List files whose recall failed, delivered wrong content or is being repeated.

    Files in quarantine are listed, too, and files whose content matches its checksum but has a
    chunk that cannot be decoded. Exit codes: 0 there are none, 1 there are some, 3 the downloader
    does not respond.
    """
    report = _read_failures(data)
    files: list[dict[str, Any]] = [
        f for f in report["files"] if state is None or f["state"] == state.value
    ]
    if as_json:
        print_json({**report, "files": files})
    else:
        _print_report(files, report)
    raise typer.Exit(1 if files or report["damaged"] else 0)


def _read_failures(data: Path) -> dict[str, Any]:
    service = "downloader"
    with exit_if_unreachable(service), operator_client(data, service, timeout=30) as client:
        report: dict[str, Any] = client.get("/failures").raise_for_status().json()
    return report


def _print_report(files: list[dict[str, Any]], report: dict[str, Any]) -> None:
    if files:
        print_table(COLUMNS, ([file[name] or "" for name in COLUMNS] for file in files))
    else:
        typer.echo("none")
    for file in report["quarantine"]:
        typer.echo(printable(f"in quarantine: {file['name']} ({file['bytes']} bytes)"))
    for file in report["damaged"]:
        where = f"{file['pid']} {file['location']} (chunk {file['chunk']})"
        typer.echo(printable(f"damaged: {where}: {file['reason']}"))
