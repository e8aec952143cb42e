"""portal doi: look at DOIs, reserve, publish and hide them; compare all who know of them."""

import json
import time
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from portal_cli.commands import doi_audit
from portal_cli.instance.facts import (
    DEFAULT,
    OUT_OF_REACH,
    USAGE,
    Data,
    Json,
    NoInstance,
    fail,
    service_urls,
)

app = typer.Typer(help="DOIs: show, reserve, publish, hide, audit.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="ID", help="A pid or a DOI.")]
Timeout = Annotated[float, typer.Option(help="Seconds to wait for DataCite.")]
SHOWN = ("pid", "level", "doi", "doi_state", "state", "url", "hold", "version", "problem")


@app.command()
def show(name: Name, data: Data = DEFAULT, *, as_json: Json = False) -> None:
    """What the registry knows of it. Exit code 2: nothing."""
    with _client(data) as client:
        _show(_asked(client, "GET", "/identifiers", params={"id": name})["identifiers"], as_json)


@app.command()
def reserve(
    name: Annotated[str, typer.Argument(metavar="PID")],
    data: Data = DEFAULT,
    level: Annotated[str, typer.Option(help="Of a pid that is not known yet.")] = "dataset",
    timeout: Timeout = 60,
    *,
    as_json: Json = False,
) -> None:
    """A Draft of the DOI that this pid has, or will have. Exit codes: 1 refused, 2 no such pid."""
    _wish(data, "reserve", {"id": name, "level": level}, timeout, as_json=as_json)


@app.command()
def publish(
    name: Name, data: Data = DEFAULT, timeout: Timeout = 60, *, as_json: Json = False
) -> None:
    """Findable, if its record is public and complete. Exit codes: 1 refused, 2 no such DOI."""
    _wish(data, "publish", {"id": name}, timeout, as_json=as_json)


@app.command()
def hide(name: Name, data: Data = DEFAULT, timeout: Timeout = 60, *, as_json: Json = False) -> None:
    """Registered: it resolves, and is found no more. Exit codes: 1 refused, 2 no such DOI."""
    _wish(data, "hide", {"id": name}, timeout, as_json=as_json)


@app.command()
def audit(
    data: Data = DEFAULT,
    *,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what differs.")] = False,
    as_json: Json = False,
) -> None:
    """Compare registry, DataCite and ICAT over all DOIs. Exit code 1: they differ."""
    try:
        urls = service_urls(data)
        found = doi_audit.audited(urls["doi"], urls["ingest"], repair=repair)
    except NoInstance as error:
        raise fail(str(error), OUT_OF_REACH) from error
    except httpx.HTTPError as error:
        raise fail(f"no answer: {error}", OUT_OF_REACH) from error
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=1))
    else:
        table = Table("pid", "DOI", "what", "reason")
        for one in found.differences:
            table.add_row(*(str(one[k] or "") for k in ("pid", "doi", "what", "reason")))
        if found.differences:
            Console().print(table)
        mending = f"; {found.mended} being mended" if repair else ""
        typer.echo(
            f"{found.at_datacite} DOIs at DataCite, {found.in_icat} records in ICAT, "
            f"{len(found.differences)} differences{mending}"
        )
    raise typer.Exit(1 if found.differences else 0)


def _client(data: Any) -> httpx.Client:
    try:
        return httpx.Client(base_url=service_urls(data)["doi"], timeout=60)
    except NoInstance as error:
        raise fail(str(error), OUT_OF_REACH) from error


def _asked(client: httpx.Client, method: str, path: str, **sent: Any) -> dict[str, Any]:
    try:
        answer = client.request(method, path, **sent)
        told: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise fail(f"doi does not answer: {error}", OUT_OF_REACH) from error
    if answer.is_success:
        return told
    reason = str(told.get("detail") or told)
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise fail(reason, OUT_OF_REACH)
    raise fail(reason, USAGE if answer.status_code == int(httpx.codes.NOT_FOUND) else 1)


def _wish(data: Any, action: str, wish: dict[str, str], seconds: float, *, as_json: bool) -> None:
    """Ask, wait until DataCite has it, show what became of it."""
    end = time.monotonic() + seconds
    with _client(data) as client:
        told = _asked(client, "POST", f"/{action}", json=wish)
        while told["pending"] and time.monotonic() < end:
            time.sleep(0.2)
            rows = _asked(client, "GET", "/identifiers", params={"id": told["pid"]})["identifiers"]
            told = next(row for row in rows if row["pid"] == told["pid"])
    _show([told], as_json)
    if told["pending"]:
        raise fail(f"DataCite has not been told after {seconds:g} s: it will be", 1)
    if told["problem"]:
        raise fail(str(told["problem"]), 1)


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:  # noqa: FBT001  # the option's value
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        for name in SHOWN:
            if row.get(name) is not None:
                typer.echo(f"{name}: {row[name]}")
