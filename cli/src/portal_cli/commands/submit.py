"""portal submit: sends job files and prints the answers of the portal."""

from pathlib import Path
from typing import Annotated

import typer

from portal_cli.terminal import DEFAULT_DATA, EXIT_USAGE, Data, Json, Timeout, fail

Files = Annotated[list[Path], typer.Argument(metavar="JOB.json...", help="Job files to send.")]


def submit(
    files: Files,
    data: Data = DEFAULT_DATA,
    timeout: Timeout = 120,
    *,
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over", help="Also change datasets that other programs created in ICAT."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Send job files and show the answer to each.

    If a file is not a JSON object or is larger than 8 MB, no file is sent. Private values of donors
    are left out, and named. Everything else is checked by the portal. Exit codes: 0 all records
    were accepted, 1 some were refused, 2 wrong arguments or files, 3 no portal is running, or it
    did not store a job, 4 no answer within the timeout.
    """
    from portal_shared.runtime.errors import Invalid

    from portal_cli.submission.dispatch import dispatch, finish
    from portal_cli.submission.job_files import message_from_file

    try:
        jobs = [message_from_file(str(f), f.read_bytes(), take_over=take_over) for f in files]
    except (OSError, Invalid) as error:
        raise fail(str(error), EXIT_USAGE) from error
    sent = dispatch(data, jobs, total=len(jobs), seconds=timeout, quiet=as_json)
    raise finish(sent, outcomes=True, facts={} if as_json else None)
