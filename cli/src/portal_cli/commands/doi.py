"""portal doi: shows, reserves, publishes, hides and audits DOIs."""

import time
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from portal_cli.instance.addresses import exit_if_unreachable, service_urls
from portal_cli.instance.doi_audit import DoiAudit, audit_dois
from portal_cli.terminal import (
    DEFAULT_DATA,
    EXIT_FAILED,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    Data,
    Json,
    fail,
    print_json,
)

app = typer.Typer(help="Show, reserve, publish, hide and audit DOIs.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="ID", help="Pid or DOI of a record.")]
Timeout = Annotated[float, typer.Option(help="Maximum time to wait for DataCite, in seconds.")]
SHOWN_FIELDS = (
    "pid", "level", "doi", "doi_state", "state", "url", "hold", "version", "problem",
)  # fmt: skip
AUDIT_COLUMNS = ("pid", "doi", "what", "reason")


@app.command()
def show(name: Name, data: Data = DEFAULT_DATA, *, as_json: Json = False) -> None:
    """Show the DOI of a record and its state.

    Exit codes: 0 shown, 2 there is no such record, 3 no portal is running.
    """
    with _client(data) as client:
        found = _request(client, "GET", "/identifiers", params={"id": name})
    _print(found["identifiers"], as_json=as_json)


@app.command()
def reserve(
    name: Annotated[str, typer.Argument(metavar="PID", help="Pid of a record, also a future one.")],
    data: Data = DEFAULT_DATA,
    level: Annotated[
        str, typer.Option(help="Level of a pid that is not registered yet.")
    ] = "dataset",
    timeout: Timeout = 60,
    *,
    as_json: Json = False,
) -> None:
    """Create the DOI of a pid as a draft, before its record is registered or public.

    Exit codes: 0 done, 1 refused, 2 there is no such pid, 3 no portal is running.
    """
    _change(data, "reserve", {"id": name, "level": level}, timeout, as_json=as_json)


@app.command()
def publish(
    name: Name, data: Data = DEFAULT_DATA, timeout: Timeout = 60, *, as_json: Json = False
) -> None:
    """Make a DOI findable, if its record is public and complete.

    Exit codes: 0 done, 1 refused, 2 there is no such record, 3 no portal is running.
    """
    _change(data, "publish", {"id": name}, timeout, as_json=as_json)


@app.command()
def hide(
    name: Name, data: Data = DEFAULT_DATA, timeout: Timeout = 60, *, as_json: Json = False
) -> None:
    """Remove a DOI from the search of DataCite (state "registered"). It still resolves.

    Exit codes: 0 done, 1 refused, 2 there is no such record, 3 no portal is running.
    """
    _change(data, "hide", {"id": name}, timeout, as_json=as_json)


@app.command()
def audit(
    data: Data = DEFAULT_DATA,
    *,
    repair: Annotated[bool, typer.Option("--repair", help="Repair the differences.")] = False,
    as_json: Json = False,
) -> None:
    """Compare all DOIs between the portal, DataCite and ICAT.

    Exit codes: 0 they agree, 1 they differ, 3 a service does not respond.
    """
    with exit_if_unreachable("doi or ingest"):
        urls = service_urls(data)
        found = audit_dois(urls["doi"], urls["ingest"], repair=repair)
    if as_json:
        print_json(found.as_json())
    else:
        _print_audit(found, repair=repair)
    raise typer.Exit(EXIT_FAILED if found.differences else 0)


def _print_audit(found: DoiAudit, *, repair: bool) -> None:
    if found.differences:
        table = Table(*AUDIT_COLUMNS)
        for difference in found.differences:
            table.add_row(*(str(difference[column] or "") for column in AUDIT_COLUMNS))
        Console().print(table)
    repairing = f"; the repair of {found.mended} has started" if repair else ""
    typer.echo(
        f"{found.at_datacite} DOIs at DataCite, {found.in_icat} records in ICAT, "
        f"{len(found.differences)} differences{repairing}"
    )


def _client(data: Path) -> httpx.Client:
    with exit_if_unreachable("doi"):
        return httpx.Client(base_url=service_urls(data)["doi"], timeout=60)


def _request(client: httpx.Client, method: str, path: str, **content: Any) -> dict[str, Any]:
    with exit_if_unreachable("doi"):
        response = client.request(method, path, **content)
        body: dict[str, Any] = response.json()
    if response.is_success:
        return body
    reason = str(body.get("detail") or body)
    if response.is_server_error:
        raise fail(reason, EXIT_UNREACHABLE)
    is_unknown = response.status_code == int(httpx.codes.NOT_FOUND)
    raise fail(reason, EXIT_USAGE if is_unknown else EXIT_FAILED)


def _change(
    data: Path, action: str, body: dict[str, str], seconds: float, *, as_json: bool
) -> None:
    """Requests a change, waits until DataCite has it, and prints the result."""
    end = time.monotonic() + seconds
    with _client(data) as client:
        row = _request(client, "POST", f"/{action}", json=body)
        while row["pending"] and time.monotonic() < end:
            time.sleep(0.2)
            found = _request(client, "GET", "/identifiers", params={"id": row["pid"]})
            row = next(other for other in found["identifiers"] if other["pid"] == row["pid"])
    _print([row], as_json=as_json)
    if row["pending"]:
        raise fail(
            f"DataCite was not updated within {seconds:g} s; the update stays queued and will be "
            "retried.",
            EXIT_FAILED,
        )
    if row["problem"]:
        raise fail(str(row["problem"]), EXIT_FAILED)


def _print(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    for row in rows:
        for name in SHOWN_FIELDS:
            if row.get(name) is not None:
                typer.echo(f"{name}: {row[name]}")
