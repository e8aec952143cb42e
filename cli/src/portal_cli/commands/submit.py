"""portal submit: job files to the queue, their answers back."""

from pathlib import Path
from typing import Annotated

import typer
from portal_shared.runtime.errors import Invalid

from portal_cli.instance.facts import DEFAULT, USAGE, Data, Json, fail
from portal_cli.submission import job_files
from portal_cli.submission.dispatch import dispatch, finish

Files = Annotated[list[Path], typer.Argument(metavar="JOB.json...", help="Job files.")]
Timeout = Annotated[float, typer.Option(help="Seconds to wait for the answers.", min=0.1)]


def submit(
    files: Files,
    data: Data = DEFAULT,
    timeout: Timeout = 120,
    *,
    take_over: Annotated[
        bool,
        typer.Option("--take-over", help="Also change datasets that ICAT holds from others."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Send jobs and show their answers.

    A file that is no JSON object or larger than 8 MB is refused here, and nothing is sent; the rest
    the portal judges. Exit codes: 0 all done, 1 some refused, 2 wrong use, 3 portal out of reach,
    4 no answer in time.
    """
    try:
        jobs = [job_files.outgoing(str(f), f.read_bytes(), take_over=take_over) for f in files]
    except (OSError, Invalid) as error:
        raise fail(str(error), USAGE) from error
    sent = dispatch(data, jobs, total=len(jobs), seconds=timeout, quiet=as_json)
    raise finish(sent, outcomes=True, facts={} if as_json else None)
