"""portal up: starts the whole portal on this machine."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from portal_cli.terminal import DEFAULT_DATA, EXIT_FAILED, Data, Port, fail

LAUNCHER = "portal_local.launcher.up"


def up(
    data: Data = DEFAULT_DATA,
    port: Port = 8000,
    *,
    empty: Annotated[
        bool, typer.Option("--empty", help="Delete all data of the instance before the start.")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Run in the background; return when it is ready.")
    ] = False,
    no_site: Annotated[
        bool, typer.Option("--no-site", help="Start without the web site: the API alone.")
    ] = False,
) -> None:
    """Start the whole portal on this machine.

    It runs until Ctrl-C, or with --detach until `portal down`. Only one instance runs with a data
    folder. Exit codes: 0 it ran or is ready, 1 it could not start, 2 wrong arguments, 130
    interrupted before it was ready.
    """
    command = launcher_command(data, port=port, empty=empty, detach=detach, no_site=no_site)
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606  # our own launcher; signals go directly to it


def launcher_command(
    data: Path,
    *,
    port: int,
    empty: bool = False,
    detach: bool = False,
    no_site: bool = False,
) -> list[str]:
    """Returns the command line that starts the launcher. Ends the command if there is none."""
    if find_spec("portal_local") is None:
        raise fail(
            "The package portal-local, which starts a portal, is not installed.", EXIT_FAILED
        )
    return [
        sys.executable,
        "-m",
        LAUNCHER,
        "--data",
        str(data.absolute()),
        "--port",
        str(port),
        *(["--empty"] if empty else []),
        *(["--detach"] if detach else []),
        *(["--no-site"] if no_site else []),
    ]
