"""Sends jobs of a command: progress while it goes on, then the outcomes and the exit code."""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer
from portal_shared.runtime.errors import Unavailable

from portal_cli.instance.facts import OUT_OF_REACH, NoInstance, amqp_url, fail
from portal_cli.submission import report
from portal_cli.submission.client import NotMade, Sent, send
from portal_cli.submission.message import Outgoing


def dispatch(
    data: Path, jobs: Iterable[Outgoing], *, total: int, seconds: float, quiet: bool
) -> Sent:
    """Send and wait. Raises typer.Exit when that cannot be done."""
    with report.bar(shown=not quiet) as bar:
        tasks = {name: bar.add_task(name, total=total) for name in ("sent", "answered")}

        def progress(state: Sent) -> None:
            bar.update(tasks["sent"], completed=len(state.confirmed))
            bar.update(tasks["answered"], completed=len(state.answers))

        try:
            url = amqp_url(data)
            return asyncio.run(send(url, jobs, seconds=seconds, progress=progress))
        except (NoInstance, Unavailable) as error:
            raise fail(str(error), OUT_OF_REACH) from error
        except NotMade as error:
            raise fail(f"stopped: {error}", report.REFUSED) from error


def finish(
    sent: Sent, *, outcomes: bool, set_aside: int = 0, facts: dict[str, Any] | None = None
) -> typer.Exit:
    """Print what became of the jobs, facts as JSON if there are any; raise what this returns."""
    if facts is not None:
        typer.echo(json.dumps({**facts, **report.as_json(sent)}, ensure_ascii=False, indent=1))
    else:
        report.tell(sent, outcomes=outcomes)
    return typer.Exit(report.exit_code(sent, set_aside=set_aside))
