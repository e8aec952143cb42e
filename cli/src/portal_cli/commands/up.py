"""portal up: starts the whole portal on this machine."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from portal_cli.terminal import DEFAULT_DATA, Data


def up(
    data: Data = DEFAULT_DATA,
    port: Annotated[int, typer.Option(help="Port of the gateway.")] = 8000,
    *,
    empty: Annotated[
        bool, typer.Option("--empty", help="Delete all data of the instance before the start.")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Run in the background; return when it is ready.")
    ] = False,
) -> None:
    """Start the whole portal on this machine.

    It runs until Ctrl-C, or with --detach until `portal down`. Exit codes: 0 it ran or is ready,
    1 it could not start.
    """
    command = launcher_command(data, port=port, empty=empty, detach=detach)
    if detach:
        raise typer.Exit(subprocess.call(command))  # noqa: S603  # our own launcher
    os.execv(command[0], command)  # noqa: S606  # likewise; signals go directly to the launcher


def launcher_command(
    data: Path, *, port: int, empty: bool = False, detach: bool = False
) -> list[str]:
    """Returns the command line that starts the launcher."""
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
