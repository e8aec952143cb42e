"""portal demo: runs the portal with the Human Organ Atlas on this machine until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portal_cli.commands.up import launcher_command
from portal_cli.instance.addresses import NoInstance
from portal_cli.terminal import DEFAULT_DATA, EXIT_FAILED, EXIT_INTERRUPTED, Data, Port, fail

if TYPE_CHECKING:
    from types import FrameType

    from portal_cli.instance.status import InstanceStatus

READY_SECONDS = 300
IMPORT_SECONDS = 2 * 3600  # a slow machine, busy with other things
STOP_SECONDS = 120
MAX_LISTED = 5  # jobs in the reason of a failure
STATUS_INTERVAL_SECONDS = 2.0  # every service counts for each status
SITE_NOTE = "This is a trial: pictures and volumes are generated, only the metadata are real."
IMPORTING = """
Importing the Human Organ Atlas, which takes some minutes. The web site shows what has arrived.
"""
STAGES = ("jobs answered", "registered", "DOIs", "indexed")


class StopRequested(KeyboardInterrupt):
    """A signal requested the end of the demo."""


class StopSignals:
    """The first of these signals raises StopRequested; further ones are ignored."""

    def __init__(self) -> None:
        self._is_stopping = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def ignore(self) -> None:
        self._is_stopping = True
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            raise StopRequested


def demo(
    data: Data = DEFAULT_DATA,
    port: Port = 8000,
    limit: Annotated[
        int | None, typer.Option(help="Import only this number of documents.", min=1)
    ] = None,
    *,
    once: Annotated[bool, typer.Option("--once", help="Stop when everything is indexed.")] = False,
) -> None:
    """Start the portal, import the Human Organ Atlas and print the addresses to open.

    It runs until Ctrl-C. Exit codes: 0 stopped by Ctrl-C or finished (--once), 1 the portal did
    not start, or the import failed, 130 interrupted before the Atlas was imported.
    """
    signals = StopSignals()
    started: list[subprocess.Popen[bytes]] = []
    is_ready = False
    try:
        command = launcher_command(data, port=port)
        launcher = subprocess.Popen(  # noqa: S603
            command, env={"PORTAL_SITE_NOTE": SITE_NOTE, **os.environ}, start_new_session=True
        )
        started.append(launcher)
        _wait_until_ready(launcher, data)
        typer.echo(IMPORTING, err=True)
        _import(data, limit, started)
        _print_addresses(port, data)
        is_ready = True
        while not once and launcher.poll() is None:
            time.sleep(0.5)
        if launcher.poll() is not None:
            raise fail(f"The portal stopped unexpectedly; see {data / 'logs'}.", EXIT_FAILED)
    except StopRequested:
        # The launcher prints that it stops, below the ^C of the terminal.
        typer.echo("" if started else "stopping the portal", err=True)
        if not is_ready:
            raise typer.Exit(EXIT_INTERRUPTED) from None
    finally:
        signals.ignore()
        for process in reversed(started):
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)


def _wait_until_ready(launcher: subprocess.Popen[bytes], data: Path) -> None:
    from portal_cli.instance.status import read_status

    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        if launcher.poll() is not None:
            raise typer.Exit(EXIT_FAILED)  # the launcher has printed the reason
        try:
            found = asyncio.run(read_status(data, exact=False))
        except NoInstance:
            found = None
        if found and not found.problems and launcher.poll() is None:
            return
        time.sleep(0.5)
    raise fail(
        f"The portal is not ready after {READY_SECONDS} s; see {data / 'logs'}.", EXIT_FAILED
    )


def _import(data: Path, limit: int | None, started: list[subprocess.Popen[bytes]]) -> None:
    """Runs `portal import hoa` with a progress bar for each stage; adds it to `started`."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    from portal_cli.instance.status import read_status

    command = [sys.executable, "-m", "portal_cli.main", "import", "hoa", "--data", str(data),
               "--json", "--timeout", str(IMPORT_SECONDS),
               *(["--limit", str(limit)] if limit else [])]  # fmt: skip
    columns = (TextColumn("{task.description:>14}"), BarColumn(), MofNCompleteColumn())
    bars = Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True))
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, bars:
        tasks = {name: bars.add_task(name, total=None) for name in STAGES}
        sending = subprocess.Popen(  # noqa: S603
            command, stdout=output, stderr=errors, start_new_session=True
        )
        started.append(sending)
        while True:
            found = asyncio.run(read_status(data, exact=False))
            for name, (done, total) in stages(found).items():
                bars.update(tasks[name], completed=done, total=total or None)
            if sending.poll() is not None and (sending.returncode or not found.waiting):
                break
            time.sleep(STATUS_INTERVAL_SECONDS)
        texts: list[str] = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    if sending.returncode:
        raise fail(f"The import failed. {import_failure(*texts)}", EXIT_FAILED)


def import_failure(report: str, errors: str) -> str:
    """Returns the reason in a few lines, from what `portal import --json` wrote."""
    try:
        jobs = json.loads(report)["jobs"]
    except (ValueError, KeyError):
        return errors or report
    answers = {job["label"] or job["job_id"]: job["answer"] for job in jobs}
    waiting = [name for name, answer in answers.items() if not answer]
    refused = [name for name, answer in answers.items() if answer and answer["result"] != "done"]
    reasons = [
        f"{len(names)} of {len(jobs)} jobs {what}: {', '.join(names[:MAX_LISTED])}"
        f"{', …' if len(names) > MAX_LISTED else ''}."
        for names, what in (
            (waiting, "have no answer yet"),
            (refused, "were refused, whole or in part"),
        )
        if names
    ]
    advice = "Run the same command again: it goes on where it was." if waiting else ""
    return "\n".join([*reasons, *filter(None, (errors.strip(), advice))])


def stages(found: InstanceStatus) -> dict[str, tuple[int, int]]:
    """Returns for each stage how many are done, and how many are known in total."""
    ingest, doi, indexer = (found.services.get(n, {}) for n in ("ingest", "doi", "indexer"))
    answered = _count(ingest, "jobs_finished")
    jobs = answered + _count(ingest, "jobs_accepted") + _count(ingest, "jobs_working")
    jobs += found.queues.get("ingest.jobs", 0)
    records = _count(ingest, "datasets") + _count(ingest, "documents")
    identified = _identified(doi)
    indexed = _count(indexer, "datasets") + _count(indexer, "documents")
    indexed = max(indexed - _count(indexer, "pending"), 0)
    # The services answer one after the other: a later one may know records that ingest has since.
    known = max(records, identified, indexed)
    return {
        "jobs answered": (answered, jobs),
        "registered": (records, known),
        "DOIs": (identified, known),
        "indexed": (indexed, known),
    }


def _identified(doi: dict[str, Any]) -> int:
    counts: dict[str, Any] = doi.get("identifiers") or {}
    return _count(counts, "minted") + _count(counts, "adopted")


def _count(figures: dict[str, Any], name: str) -> int:
    value = figures.get(name, 0)
    return value if isinstance(value, int) else 0


def _print_addresses(port: int, data: Path) -> None:
    site = f"http://localhost:{port}"
    where = "" if data == DEFAULT_DATA else f" --data {data}"
    command = portal_command()
    pid = "LADAF-2021-17_kidney_left_VOI-02.1_2.6um_bm05"
    lines = (
        "",
        "The Human Organ Atlas is ready. " + SITE_NOTE,
        f"  web site    {site}/",
        f"  search API  {site}/api/Documents",
        f"  API manual  {site}/api/docs",
        "",
        "Three things to try:",
        f"  curl -G {site}/api/Documents --data-urlencode \\",
        '    \'filter={"query":"left kidney LADAF-2021-17","limit":3}\'',
        f"  {command} get {pid} -o /tmp/kidney{where}",
        f"  {command} status{where}",
        "",
        "Press Ctrl-C to stop. The data stay.",
    )
    for line in lines:
        typer.echo(line, err=True)


def portal_command() -> str:
    """Returns how to call `portal` here: with uv if it is installed, otherwise by its path."""
    if shutil.which("uv"):
        return "uv run portal"
    here = Path(sys.executable).with_name("portal")
    return str(here.relative_to(Path.cwd())) if here.is_relative_to(Path.cwd()) else str(here)
