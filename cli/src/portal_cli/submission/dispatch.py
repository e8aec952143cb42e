"""Sends the jobs of a command with a progress bar; prints the results and returns the exit code."""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer
from portal_shared.runtime.errors import Unavailable

from portal_cli.instance.addresses import amqp_url, exit_without_instance, unreachable
from portal_cli.submission import report
from portal_cli.submission.client import JobNotBuilt, Submission, submit_jobs
from portal_cli.submission.message import JobMessage
from portal_cli.terminal import EXIT_FAILED, EXIT_UNREACHABLE, fail


def dispatch(
    data: Path, jobs: Iterable[JobMessage], *, total: int, seconds: float, quiet: bool
) -> Submission:
    """Sends the jobs and waits for the answers. Raises typer.Exit if that is not possible."""
    with report.progress_bar(shown=not quiet) as bar:
        tasks = {name: bar.add_task(name, total=total) for name in ("sent", "answered")}

        def show_progress(state: Submission) -> None:
            bar.update(tasks["sent"], completed=len(state.confirmed))
            bar.update(tasks["answered"], completed=len(state.answers))

        with exit_without_instance():
            url = amqp_url(data)
        try:
            sent = asyncio.run(submit_jobs(url, jobs, seconds=seconds, on_progress=show_progress))
        except Unavailable as error:
            raise fail(f"{unreachable('broker')}: {error}", EXIT_UNREACHABLE) from error
        except JobNotBuilt as error:
            raise fail(f"The next job could not be built: {error}", EXIT_FAILED) from error
        sent.total = total
        return sent


def finish(
    sent: Submission, *, outcomes: bool, skipped: int = 0, facts: dict[str, Any] | None = None
) -> typer.Exit:
    """Prints the results, as JSON if `facts` are given; returns the exception to raise."""
    if facts is not None:
        typer.echo(json.dumps({**facts, **report.as_json(sent)}, ensure_ascii=False, indent=1))
    else:
        report.print_results(sent, outcomes=outcomes)
    return typer.Exit(report.exit_code(sent, skipped=skipped))
