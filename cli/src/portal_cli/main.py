"""Entry point of the command `portal`."""

import logging
import os
import signal
import sys
from typing import Annotated

if __name__ == "__main__" or os.path.basename(sys.argv[0]) == "portal":  # noqa: PTH119
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback while modules load

import typer

from portal_cli.command_group import CommandGroup
from portal_cli.terminal import EXIT_FAILED

app = typer.Typer(cls=CommandGroup, pretty_exceptions_enable=False, rich_markup_mode=None)


def _print_version(wanted: bool) -> None:  # noqa: FBT001  # a callback of typer
    if wanted:
        from importlib.metadata import version

        typer.echo(f"portal {version('portal-cli')}")
        raise typer.Exit


@app.callback(no_args_is_help=True)
def portal(
    *,
    version: Annotated[  # its callback ends the command
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Commands of the Human Organs Open Data portal for data managers, operators and readers.

    Exit codes of all commands: 0 success, 1 failed or a problem was found, 2 wrong arguments or an
    unknown name, 3 no portal is running or it does not respond, 130 interrupted. Further exit codes
    are listed in the --help of the command.
    """


def main() -> None:
    """Runs the command; errors that it does not expect are one line, not a traceback."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.disable()  # libraries log what the command reports in its own words
    try:
        app()
    except Exception as error:
        if os.environ.get("PORTAL_TRACEBACK"):
            raise
        typer.echo(_sentence(error), err=True)
        sys.exit(EXIT_FAILED)


def _sentence(error: Exception) -> str:
    if isinstance(error, UnicodeError):
        return "An argument or a file is not text in UTF-8."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"Unexpected error: {error!r}. With PORTAL_TRACEBACK=1 the command shows where it is."


if __name__ == "__main__":
    main()
