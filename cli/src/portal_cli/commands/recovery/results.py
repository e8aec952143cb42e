"""What `portal backup` and `portal restore` have in common: progress, result and exit codes."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from portal_cli.terminal import EXIT_UNREACHABLE, fail, print_json

if TYPE_CHECKING:
    from portal_cli.backup.archive import Manifest


def progress_printer(*, as_json: bool) -> Callable[[str], None]:
    """Returns what prints a line of progress; nothing is printed beside JSON."""

    def report(line: str) -> None:
        if not as_json:
            typer.echo(line)

    return report


@contextmanager
def database_required() -> Generator[None]:
    """Exits with EXIT_UNREACHABLE if the database does not respond."""
    from portal_shared.runtime.errors import Unavailable

    try:
        yield
    except Unavailable as error:
        raise fail(f"The database does not respond: {error.reason}", EXIT_UNREACHABLE) from error


def print_result(manifest: "Manifest", *, as_json: bool, text: str) -> None:
    """Prints the text, or the manifest as JSON with the number of its parts and documents."""
    if as_json:
        facts = {"parts": len(manifest.parts), "documents": manifest.counts()}
        print_json({**asdict(manifest), **facts})
    else:
        typer.echo(text)
