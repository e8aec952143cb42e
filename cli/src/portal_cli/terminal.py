"""What all commands share: options, exit codes, messages, tables, text that is safe to print."""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

DEFAULT_DATA = Path(".portal")
MAX_PORT = 65_535


def _folder(data: Path) -> Path:
    if data.exists() and not data.is_dir():
        raise typer.BadParameter(f"{data} is a file, not a folder.")
    return data


def _seconds(value: float) -> float:
    if not math.isfinite(value) or value < 0:
        raise typer.BadParameter(f"{value} is not a number of seconds.")
    return value


Data = Annotated[
    Path,
    typer.Option(
        "--data",
        envvar="PORTAL_DATA",
        help="Data folder of the portal instance.",
        show_default=True,
        callback=_folder,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Port = Annotated[int, typer.Option(help="Port of the gateway.", min=1, max=MAX_PORT)]
Timeout = Annotated[
    float, typer.Option(help="Maximum time to wait, in seconds.", callback=_seconds)
]

EXIT_FAILED, EXIT_USAGE, EXIT_UNREACHABLE = 1, 2, 3  # shared by all commands; 0 is success
EXIT_INTERRUPTED = 130


def fail(message: str, code: int) -> typer.Exit:
    """Prints the message on standard error; returns the exception to raise."""
    typer.echo(message, err=True)
    return typer.Exit(code)


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints a line per row with aligned columns; an empty value is "-".

    Nothing is cut or wrapped, whatever the width of the terminal: ids can be copied and piped. Put
    the column with long texts last.
    """
    lines = [tuple(columns), *(tuple(printable(str(v)) or "-" for v in row) for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(columns))]
    for line in lines:
        cells = (value.ljust(width) for value, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def printable(text: str) -> str:
    """Replaces control characters: text from outside must not control the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def print_dropped(count: int, fields: Sequence[str], indent: str = "") -> None:
    """Prints which fields were left out because their values are private; never the values."""
    if count:
        names = f": {', '.join(map(printable, fields))}" if fields else ""
        typer.echo(f"{indent}left out as private data: {count} values{names}")
