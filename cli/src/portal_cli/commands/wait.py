"""portal wait: waits until everything that was sent is indexed."""

import asyncio
import json
from typing import Annotated

import typer

from portal_cli.instance.addresses import NoInstance
from portal_cli.instance.status import wait_idle
from portal_cli.terminal import DEFAULT_DATA, EXIT_FAILED, EXIT_UNREACHABLE, Data, Json, fail


def wait(
    data: Data = DEFAULT_DATA,
    timeout: Annotated[float, typer.Option(help="Maximum time to wait, in seconds.")] = 600,
    *,
    as_json: Json = False,
) -> None:
    """Wait until everything that was sent is processed and indexed.

    Dead letters are shown but not waited for. Exit codes: 0 everything is indexed, 1 work is
    unfinished after the timeout (it is listed), 3 no portal is running.
    """
    try:
        found = asyncio.run(wait_idle(data, timeout))
    except NoInstance as error:
        raise fail(str(error), EXIT_UNREACHABLE) from error
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
