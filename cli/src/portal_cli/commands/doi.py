"""portal doi: shows, reserves, publishes, hides and audits DOIs."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portal_cli.instance.addresses import exit_if_unreachable, operator_client
from portal_cli.terminal import (
    DEFAULT_DATA,
    EXIT_FAILED,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    Data,
    Json,
    Timeout,
    fail,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    import httpx

    from portal_cli.instance.doi_audit import DoiAudit

app = typer.Typer(
    help="Show, reserve, publish, hide and audit DOIs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


class Level(StrEnum):
    """Levels of records that have DOIs."""

    DATASET = "dataset"
    DOCUMENT = "document"


def _not_empty(name: str) -> str:
    if not name.strip():
        raise typer.BadParameter("it is empty.")
    return name


Name = Annotated[
    str, typer.Argument(metavar="ID", help="Pid or DOI of a record.", callback=_not_empty)
]
HTTP_NOT_FOUND = 404
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
    name: Annotated[
        str, typer.Argument(metavar="PID", help="Pid of a record.", callback=_not_empty)
    ],
    data: Data = DEFAULT_DATA,
    level: Annotated[
        Level | None,
        typer.Option(help="Level of a record that will be registered later, under this pid."),
    ] = None,
    timeout: Timeout = 60,
    *,
    as_json: Json = False,
) -> None:
    """Create the DOI of a record as a draft, before the record is public.

    A pid that is not registered is refused, because a misspelt pid would have a DOI for ever; with
    --level it is taken as that of a future record. Exit codes: 0 done, 1 refused, 2 there is no
    such pid, 3 no portal is running.
    """
    body = {"id": name, **({"level": level.value} if level else {})}
    _change(data, "reserve", body, timeout, as_json=as_json)


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
    from portal_cli.instance.doi_audit import audit_dois

    with (
        exit_if_unreachable("doi or ingest"),
        operator_client(data, "doi", timeout=120) as doi,
        operator_client(data, "ingest", timeout=120) as ingest,
    ):
        found = audit_dois(doi, ingest, repair=repair)
    if as_json:
        print_json(found.as_json())
    else:
        _print_audit(found, repair=repair)
    raise typer.Exit(EXIT_FAILED if found.differences else 0)


def _print_audit(found: DoiAudit, *, repair: bool) -> None:
    if found.differences:
        rows = ([row[column] or "" for column in AUDIT_COLUMNS] for row in found.differences)
        print_table(AUDIT_COLUMNS, rows)
    repairing = f"; the repair of {found.mended} has started" if repair else ""
    typer.echo(
        f"{found.at_datacite} DOIs at DataCite, {found.in_icat} records in ICAT, "
        f"{len(found.differences)} differences{repairing}"
    )


def _client(data: Path) -> httpx.Client:
    with exit_if_unreachable("doi"):
        return operator_client(data, "doi", timeout=60)


def _request(client: httpx.Client, method: str, path: str, **content: Any) -> dict[str, Any]:
    with exit_if_unreachable("doi"):
        response = client.request(method, path, **content)
        body: dict[str, Any] = response.json()
    if response.is_success:
        return body
    reason = str(body.get("detail") or body)
    if response.is_server_error:
        raise fail(reason, EXIT_UNREACHABLE)
    is_unknown = response.status_code == HTTP_NOT_FOUND
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
