"""portal status: services, queues, dead letters and problems of the instance."""

import asyncio
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from portal_cli.instance.addresses import NoInstance
from portal_cli.instance.status import InstanceStatus, read_status
from portal_cli.terminal import (
    DEFAULT_DATA,
    EXIT_FAILED,
    EXIT_UNREACHABLE,
    Data,
    Json,
    fail,
    print_json,
)

HIDDEN_FIGURES = {"service", "problems", "trouble", "settled", "outbox_oldest_seconds"}


def status(data: Data = DEFAULT_DATA, *, as_json: Json = False) -> None:
    """Show services, queues, waiting work, dead letters and problems.

    Exit codes: 0 everything is well, 1 there is a problem, 3 no portal is running.
    """
    try:
        found = asyncio.run(read_status(data))
    except NoInstance as error:
        raise fail(str(error), EXIT_UNREACHABLE) from error
    if as_json:
        print_json(found.as_json())
    else:
        _print(found)
    raise typer.Exit(EXIT_FAILED if found.problems else 0)


def _print(found: InstanceStatus) -> None:
    console = Console()
    table = Table("service", "state", "figures", "restarts")
    for name, figures in found.services.items():
        state = "[red]not ready" if figures.get("problems") else "[green]ready"
        text = ", ".join(
            f"{label} {value}" for label, value in _flatten(figures) if value or label == "pending"
        )
        table.add_row(name, state, text, str(found.restarts.get(name, 0)))
    console.print(table)
    busy = {queue: count for queue, count in found.queues.items() if count}
    console.print(f"queues: {busy or 'all empty'}")
    dead = {service: count for service, count in found.dead_letters.items() if count}
    console.print(f"dead letters: {dead or 'none'}")
    for problem in found.problems:
        console.print(f"[red]{problem}", highlight=False)


def _flatten(figures: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for label, value in figures.items():
        if label in HIDDEN_FIGURES:
            continue
        if isinstance(value, dict):
            found += _flatten(value, f"{prefix}{label}.")  # pyright: ignore[reportUnknownArgumentType]
        else:
            found.append((prefix + label, value))
    return found
