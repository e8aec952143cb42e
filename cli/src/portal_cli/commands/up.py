"""portal up, down, status, wait, reindex: running an instance."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from portal_cli.instance import status as conditions
from portal_cli.instance.facts import (
    DEFAULT,
    OUT_OF_REACH,
    Data,
    Json,
    NoInstance,
    facts,
    fail,
    service_urls,
)

STOP_SECONDS = 90


def up(
    data: Data = DEFAULT,
    port: Annotated[int, typer.Option(help="Of the gateway.")] = 8000,
    *,
    empty: Annotated[bool, typer.Option("--empty", help="Remove what it holds first.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Return when it is ready.")] = False,
) -> None:
    """Start the whole portal on this machine. Exit code 1: it did not come up."""
    command = launcher(data, port=port, empty=empty, detach=detach)
    if detach:
        raise typer.Exit(subprocess.call(command))  # noqa: S603  # our own launcher
    os.execv(command[0], command)  # noqa: S606  # likewise; signals go straight to it


def launcher(data: Path, *, port: int, empty: bool = False, detach: bool = False) -> list[str]:
    return [
        sys.executable,
        "-m",
        "portal_local.launcher.up",
        "--data",
        str(data),
        "--port",
        str(port),
        *(["--empty"] if empty else []),
        *(["--detach"] if detach else []),
    ]


def down(data: Data = DEFAULT) -> None:
    """End the instance. Exit code 1: it did not end."""
    try:
        running = facts(data)
    except NoInstance:
        typer.echo("nothing runs")
        return
    pid = int(running["pid"])
    if not _send(pid, signal.SIGTERM):
        _end_orphans(running)
        (data / "instance.json").unlink(missing_ok=True)
        typer.echo("its launcher was gone already; what it had started is ended")
        return
    end = time.monotonic() + STOP_SECONDS
    while time.monotonic() < end:
        if not (data / "instance.json").exists():
            typer.echo("ended")
            return
        time.sleep(0.1)
    raise fail(f"process {pid} still runs after {STOP_SECONDS} s", 1)


def _send(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _end_orphans(running: dict[str, Any]) -> None:
    for part in ("services", "servers"):
        for fact in running.get(part, {}).values():
            _send(int(fact["pid"]), signal.SIGTERM)


def status(data: Data = DEFAULT, *, as_json: Json = False) -> None:
    """What runs, what waits, what died. Exit code 1: something is not well; 3: nothing runs."""
    try:
        found = asyncio.run(conditions.look(data))
    except NoInstance as error:
        raise fail(str(error), OUT_OF_REACH) from error
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=1))
    else:
        _show(found)
    raise typer.Exit(1 if found.trouble else 0)


HIDDEN = {"service", "problems", "trouble", "settled", "outbox_oldest_seconds"}


def _show(found: conditions.Condition) -> None:
    console = Console()
    table = Table("service", "state", "figures", "restarts")
    for name, told in found.services.items():
        state = "[red]unready" if told.get("problems") else "[green]ready"
        figures = ", ".join(
            f"{label} {value}" for label, value in _figures(told) if value or label == "pending"
        )
        table.add_row(name, state, figures, str(found.restarts.get(name, 0)))
    console.print(table)
    busy = {q: n for q, n in found.queues.items() if n}
    console.print(f"queues: {busy or 'all empty'}")
    dead = {s: n for s, n in found.dead.items() if n}
    console.print(f"dead letters: {dead or 'none'}")
    for line in found.trouble:
        console.print(f"[red]{line}", highlight=False)


def _figures(told: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for label, value in told.items():
        if label in HIDDEN:
            continue
        if isinstance(value, dict):
            found += _figures(value, f"{prefix}{label}.")  # pyright: ignore[reportUnknownArgumentType]
        else:
            found.append((prefix + label, value))
    return found


def wait(
    data: Data = DEFAULT,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.")] = 600,
    *,
    as_json: Json = False,
) -> None:
    """Until everything sent is indexed. Exit code 1: it is not, and what is stuck; 3: nothing runs.

    Dead letters are not waited for; they are told.
    """
    try:
        found = asyncio.run(settled(data, timeout))
    except NoInstance as error:
        raise fail(str(error), OUT_OF_REACH) from error
    stuck = {**found.waiting, **dict.fromkeys(found.trouble, 1)}
    dead = {s: n for s, n in found.dead.items() if n}
    if as_json:
        typer.echo(json.dumps({"waiting": found.waiting, "trouble": found.trouble, "dead": dead}))
    else:
        if dead:
            typer.echo(f"dead letters: {dead} (portal dead-letters list)", err=True)
        for name, count in stuck.items():
            typer.echo(f"still waiting: {name}: {count}", err=True)
    raise typer.Exit(1 if stuck else 0)


async def settled(data: Path, timeout: float) -> conditions.Condition:  # noqa: ASYNC109
    """The condition once nothing waited and nothing moved twice in a row, or when time is up."""
    end = time.monotonic() + timeout
    before: int | None = None
    while True:
        found = await conditions.look(data)
        idle = not found.waiting and not found.trouble
        if (idle and before == found.handled) or time.monotonic() > end:
            return found
        before = found.handled if idle else None
        await asyncio.sleep(0.5 if idle else 1.5)  # each look counts in every service


def reindex(
    data: Data = DEFAULT,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.")] = 3600,
    *,
    as_json: Json = False,
) -> None:
    """Rebuild the search indexes beside the old ones, then swap. Exit code 1: it failed."""
    try:
        url = f"{service_urls(data)['indexer']}/reindex"
    except NoInstance as error:
        raise fail(str(error), OUT_OF_REACH) from error
    end = time.monotonic() + timeout
    try:
        with httpx.Client(timeout=30) as client:
            client.post(url).raise_for_status()
            while True:
                told: dict[str, Any] = client.get(url).raise_for_status().json()
                if told.get("state") in ("done", "failed") or time.monotonic() > end:
                    break
                time.sleep(0.3)
    except httpx.HTTPError as error:
        raise fail(f"the indexer does not answer: {error}", OUT_OF_REACH) from error
    typer.echo(json.dumps(told) if as_json else f"reindex {told.get('state')}: {told}")
    raise typer.Exit(0 if told.get("state") == "done" else 1)
