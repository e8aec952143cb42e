"""portal wait: waits until everything that was sent is indexed."""

import asyncio
import json

import typer

from portal_cli.instance.addresses import exit_without_instance
from portal_cli.terminal import DEFAULT_DATA, EXIT_FAILED, Data, Json, Timeout


def wait(data: Data = DEFAULT_DATA, timeout: Timeout = 600, *, as_json: Json = False) -> None:
    """Wait until everything that was sent is processed and indexed.

    Dead letters are shown but not waited for. Exit codes: 0 everything is indexed, 1 work is
    unfinished after the timeout (it is listed), 3 no portal is running.
    """
    from portal_cli.instance.status import wait_idle

    with exit_without_instance():
        found = asyncio.run(wait_idle(data, timeout))
    dead = {service: count for service, count in found.dead_letters.items() if count}
    if as_json:
        facts = {"waiting": found.waiting, "trouble": found.problems, "dead": dead}
        typer.echo(json.dumps(facts))
    else:
        if dead:
            typer.echo(f"dead letters: {dead} (see `portal dead-letters list`)", err=True)
        for name, count in found.waiting.items():
            typer.echo(f"still waiting: {name}: {count}", err=True)
        for problem in found.problems:
            typer.echo(f"problem: {problem}", err=True)
    raise typer.Exit(EXIT_FAILED if found.waiting or found.problems else 0)
