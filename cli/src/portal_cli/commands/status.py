"""portal status: services, queues, dead letters and problems of the instance."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import typer

from portal_cli.instance.addresses import exit_without_instance
from portal_cli.terminal import (
    DEFAULT_DATA,
    EXIT_FAILED,
    Data,
    Json,
    print_json,
    print_table,
    printable,
)

if TYPE_CHECKING:
    from portal_cli.instance.status import InstanceStatus

HIDDEN_FIGURES = {"service", "problems", "trouble", "settled", "outbox_oldest_seconds", "refusals"}


def status(data: Data = DEFAULT_DATA, *, as_json: Json = False) -> None:
    """Show services, queues, waiting work, dead letters and problems.

    Exit codes: 0 everything is well, 1 there is a problem, 3 no portal is running.
    """
    from portal_cli.instance.status import read_status

    with exit_without_instance():
        found = asyncio.run(read_status(data))
    if as_json:
        print_json(found.as_json())
    else:
        _print(found)
    raise typer.Exit(EXIT_FAILED if found.problems else 0)


def _print(found: InstanceStatus) -> None:
    rows: list[tuple[object, ...]] = []
    for name, figures in found.services.items():
        state = "not ready" if figures.get("problems") else "ready"
        text = ", ".join(
            f"{label} {value}" for label, value in _flatten(figures) if value or label == "pending"
        )
        rows.append((name, state, found.restarts.get(name, 0), text))
    print_table(("service", "state", "restarts", "figures"), rows)
    busy = {queue: count for queue, count in found.queues.items() if count}
    typer.echo(f"queues: {busy or ('all empty' if found.queues else 'not known')}")
    dead = {service: count for service, count in found.dead_letters.items() if count}
    typer.echo(f"dead letters: {dead or ('none' if found.dead_letters else 'not known')}")
    servers = {n: count for n, count in found.restarts.items() if n not in found.services}
    if servers:
        typer.echo(f"restarts of servers: {servers}")
    if found.intake_folder:
        typer.echo(f"intake folder: {found.intake_folder}")
    for pid, reason in found.refusals.items():
        typer.echo(f"refused: {printable(pid)}: {printable(reason)}")
    for problem in found.problems:
        typer.secho(f"problem: {printable(problem)}", fg="red")


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
