"""portal tape: what the archive could not give."""

import json
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from portal_cli.instance.facts import (
    DEFAULT,
    OUT_OF_REACH,
    Data,
    Json,
    NoInstance,
    fail,
    service_urls,
)

app = typer.Typer(help="What the archive could not give.", no_args_is_help=True)
COLUMNS = ("pid", "location", "state", "attempts", "reason")


@app.callback()
def tape() -> None:
    """What the archive could not give."""


@app.command()
def failures(
    data: Data = DEFAULT,
    state: Annotated[
        str | None,
        typer.Option("--state", help="Only those: failed, expired, lost, unverifiable, queued."),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Files whose recall failed, was wrong, or is tried again; and what is in quarantine.

    Exit codes: 0 there are none, 1 there are some, 3 the downloader does not answer.
    """
    told = _asked(data)
    files: list[dict[str, Any]] = [f for f in told["files"] if state in (None, f["state"])]
    if as_json:
        typer.echo(json.dumps({**told, "files": files}, indent=1))
    elif files:
        table = Table(*COLUMNS)
        for file in files:
            table.add_row(*(_printable(str(file[name] or "")) for name in COLUMNS))
        Console().print(table)
    else:
        typer.echo("none")
    if not as_json:
        for kept in told["quarantine"]:
            typer.echo(_printable(f"in quarantine: {kept['name']} ({kept['bytes']} bytes)"))
    raise typer.Exit(1 if files else 0)


def _asked(data: Any) -> dict[str, Any]:
    try:
        url = service_urls(data)["downloader"]
        answer = httpx.get(f"{url}/failures", timeout=30)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
    except NoInstance as error:
        raise fail(str(error), OUT_OF_REACH) from error
    except (httpx.HTTPError, ValueError) as error:
        raise fail(f"the downloader does not answer: {error!r}", OUT_OF_REACH) from error
    return told


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
