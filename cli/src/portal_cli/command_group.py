"""The group of all commands. The module of a command is loaded when the command is used.

So `portal --help` and the completion of names are quick.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup
from typing_extensions import override

if TYPE_CHECKING:
    from typer._click import Context  # what TyperGroup's methods have; typer.Context is narrower


@dataclass(frozen=True)
class Entry:
    """Where a command is (a function or a typer.Typer), and the first sentence of its help."""

    module: str
    attribute: str
    summary: str


def _entry(module: str, attribute: str, summary: str) -> Entry:
    return Entry(f"portal_cli.commands.{module}", attribute, summary)


ENTRIES = {
    "up": _entry("up", "up", "Start the whole portal on this machine."),
    "down": _entry("down", "down", "Stop the portal on this machine."),
    "status": _entry(
        "status", "status", "Show services, queues, waiting work, dead letters and problems."
    ),
    "demo": _entry(
        "demo",
        "demo",
        "Start the portal, import the Human Organ Atlas and print the addresses to open.",
    ),
    "import": _entry("import_", "app", "Import metadata from other sources."),
    "curate": _entry(
        "curate",
        "curate",
        "Check a folder against its metadata and the profile, and write a job file.",
    ),
    "submit": _entry("submit", "submit", "Send job files and show the answer to each."),
    "jobs": _entry(
        "jobs", "jobs", "List the latest jobs, or show one job with the result of each record."
    ),
    "wait": _entry("wait", "wait", "Wait until everything that was sent is processed and indexed."),
    "get": _entry("get", "get", "Download datasets and verify every file."),
    "dead-letters": _entry(
        "broker.dead_letters",
        "app",
        "List, show, replay and discard messages that failed for good.",
    ),
    "doi": _entry("doi", "app", "Show, reserve, publish, hide and audit DOIs."),
    "tape": _entry("tape", "app", "Show files that could not be restored from tape."),
    "topology": _entry(
        "broker.topology",
        "topology",
        "Show how the broker differs from what this version needs, and make what is missing.",
    ),
    "backup": _entry(
        "recovery.backup",
        "backup",
        "Write all databases of the portal into one file, with checksums, while it is in use.",
    ),
    "restore": _entry(
        "recovery.restore",
        "restore",
        "Write a backup into an empty instance, after checking all of it.",
    ),
    "reindex": _entry(
        "reindex", "reindex", "Rebuild the search indexes beside the old ones, then swap them."
    ),
}


def load(name: str) -> Any:
    """Returns the command of this name, ready to be invoked."""
    entry = ENTRIES[name]
    found = getattr(import_module(entry.module), entry.attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(name)(found)
        found = single
    command = typer.main.get_command(found)
    command.name = name
    return command


class CommandGroup(TyperGroup):
    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: Any = dict.fromkeys(ENTRIES)  # the names: typer suggests one of them

    @override
    def list_commands(self, ctx: Context) -> list[str]:
        return list(ENTRIES)

    @override
    def get_command(self, ctx: Context, cmd_name: str) -> Any:
        return load(cmd_name) if cmd_name in ENTRIES else None

    @override
    def format_commands(self, ctx: Context, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in ENTRIES.items()])
