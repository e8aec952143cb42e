"""What all commands share: options, exit codes, error messages and text that is safe to print."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

DEFAULT_DATA = Path(".portal")
Data = Annotated[
    Path,
    typer.Option(
        "--data",
        envvar="PORTAL_DATA",
        help="Data folder of the portal instance.",
        show_default=True,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

EXIT_FAILED, EXIT_USAGE, EXIT_UNREACHABLE = 1, 2, 3  # shared by all commands; 0 is success


def fail(message: str, code: int) -> typer.Exit:
    """Prints the message on standard error; returns the exception to raise."""
    typer.echo(message, err=True)
    return typer.Exit(code)


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1))


def printable(text: str) -> str:
    """Replaces control characters: text from outside must not control the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
