"""portal demo: the Human Organ Atlas on this machine, in the foreground until Ctrl-C."""

import asyncio
import contextlib
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from portal_cli.commands.up import launcher
from portal_cli.instance import status
from portal_cli.instance.facts import DEFAULT, Data, NoInstance, fail

READY_SECONDS = 300
LOOK_SECONDS = 2.0  # each look counts in every service
STAGES = ("jobs answered", "registered", "DOIs", "indexed")


class Ended(Exception):
    """By Ctrl-C, or because the launcher went away."""


def demo(
    data: Data = DEFAULT,
    port: Annotated[int, typer.Option(help="Of the gateway.")] = 8000,
    limit: Annotated[int | None, typer.Option(help="Import only so many documents.")] = None,
    *,
    once: Annotated[bool, typer.Option("--once", help="End when all is indexed.")] = False,
) -> None:
    """Start everything, import the Atlas, say where to look. Exit code 1: it did not work out."""
    console = Console(stderr=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ended)
    running = subprocess.Popen(launcher(data, port=port), start_new_session=True)  # noqa: S603
    try:
        _until_ready(running, data)
        _import(data, limit, console)
        _where_to_look(console, port, data)
        while not once and running.poll() is None:
            time.sleep(0.5)
        if running.poll() is not None:
            raise fail("the portal ended by itself; see its logs", 1)
    except (KeyboardInterrupt, Ended):
        console.print("\nending")
    finally:
        _end(running)


def _ended(_number: int, _frame: FrameType | None) -> None:
    raise Ended


def _end(running: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if running.poll() is None:
        running.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.wait(120)


def _until_ready(running: subprocess.Popen[bytes], data: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        if running.poll() is not None:
            raise typer.Exit(1)  # the launcher has said why
        try:
            found = asyncio.run(status.look(data))
        except NoInstance:
            found = None
        if found and not found.trouble:
            return
        time.sleep(0.5)
    raise fail(f"not ready after {READY_SECONDS} s", 1)


def _import(data: Path, limit: int | None, console: Console) -> None:
    """`portal import hoa`, with a bar for each stage of what follows from it."""
    command = [sys.executable, "-m", "portal_cli.main", "import", "hoa", "--data", str(data),
               "--json", *(["--limit", str(limit)] if limit else [])]  # fmt: skip
    result: list[subprocess.CompletedProcess[str]] = []

    def send() -> None:
        result.append(subprocess.run(command, capture_output=True, text=True, check=False))  # noqa: S603

    sending = threading.Thread(target=send, daemon=True)
    columns = (TextColumn("{task.description:>14}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        bars = {name: progress.add_task(name, total=None) for name in STAGES}
        sending.start()
        while True:
            found = asyncio.run(status.look(data))
            for name, (done, total) in stages(found).items():
                progress.update(bars[name], completed=done, total=total or None)
            if not sending.is_alive() and not found.waiting:
                break
            time.sleep(LOOK_SECONDS)
    if result and result[0].returncode:
        raise fail(f"the import failed:\n{result[0].stderr or result[0].stdout}", 1)


def stages(found: status.Condition) -> dict[str, tuple[int, int]]:
    """How far each stage is: done and known in total."""
    ingest, doi, indexer = (found.services.get(n, {}) for n in ("ingest", "doi", "indexer"))
    answered = _count(ingest, "jobs_finished")
    jobs = answered + _count(ingest, "jobs_accepted") + _count(ingest, "jobs_working")
    jobs += found.queues.get("ingest.jobs", 0)
    records = _count(ingest, "datasets") + _count(ingest, "documents")
    identified = _identified(doi)
    indexed = _count(indexer, "datasets") + _count(indexer, "documents")
    return {
        "jobs answered": (answered, jobs),
        "registered": (records, records),
        "DOIs": (identified, records),
        "indexed": (max(indexed - _count(indexer, "pending"), 0), records),
    }


def _identified(doi: dict[str, Any]) -> int:
    told: dict[str, Any] = doi.get("identifiers") or {}
    return _count(told, "minted") + _count(told, "adopted")


def _count(told: dict[str, Any], name: str) -> int:
    value = told.get(name, 0)
    return value if isinstance(value, int) else 0


def _where_to_look(console: Console, port: int, data: Path) -> None:
    site = f"http://localhost:{port}"
    where = "" if data == DEFAULT else f" --data {data}"
    command = portal_command()
    pid = "LADAF-2021-17_kidney_left_VOI-02.1_2.6um_bm05"
    lines = (
        "",
        "[bold]The Human Organ Atlas is ready.[/bold]",
        f"  portal      {site}/",
        f"  search API  {site}/api/Documents",
        f"  API manual  {site}/api/docs",
        "",
        "Three things to try:",
        f"  curl -G {site}/api/Documents --data-urlencode \\",
        '    \'filter={"query":"left kidney LADAF-2021-17","limit":3}\'',
        f"  {command} get {pid} -o /tmp/kidney{where}",
        f"  {command} status{where}",
        "",
        "Ctrl-C ends it; the data stay.",
    )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def portal_command() -> str:
    """What to type for `portal`: by uv where it is on the PATH, else as it was installed here."""
    if shutil.which("uv"):
        return "uv run portal"
    here = Path(sys.executable).with_name("portal")
    return str(here.relative_to(Path.cwd())) if here.is_relative_to(Path.cwd()) else str(here)
