"""portal demo: runs the portal with the Human Organ Atlas on this machine until Ctrl-C."""

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

from portal_cli.commands.up import launcher_command
from portal_cli.instance.addresses import NoInstance
from portal_cli.instance.status import InstanceStatus, read_status
from portal_cli.terminal import DEFAULT_DATA, EXIT_FAILED, Data, fail

READY_SECONDS = 300
STATUS_INTERVAL_SECONDS = 2.0  # every service counts for each status
STAGES = ("jobs answered", "registered", "DOIs", "indexed")


class StopRequested(Exception):
    """SIGTERM or SIGHUP requested the end of the demo."""


def demo(
    data: Data = DEFAULT_DATA,
    port: Annotated[int, typer.Option(help="Port of the gateway.")] = 8000,
    limit: Annotated[int | None, typer.Option(help="Import only this number of documents.")] = None,
    *,
    once: Annotated[bool, typer.Option("--once", help="Stop when everything is indexed.")] = False,
) -> None:
    """Start the portal, import the Human Organ Atlas and print the addresses to open.

    It runs until Ctrl-C. Exit codes: 0 stopped by Ctrl-C or finished (--once), 1 the portal did
    not start, or the import failed.
    """
    console = Console(stderr=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _on_signal)
    command = launcher_command(data, port=port)
    running = subprocess.Popen(command, start_new_session=True)  # noqa: S603
    try:
        _wait_until_ready(running, data)
        _import(data, limit, console)
        _print_addresses(console, port, data)
        while not once and running.poll() is None:
            time.sleep(0.5)
        if running.poll() is not None:
            raise fail(f"The portal stopped unexpectedly; see {data / 'logs'}.", EXIT_FAILED)
    except (KeyboardInterrupt, StopRequested):
        console.print("\nstopping the portal")
    finally:
        _stop(running)


def _on_signal(_number: int, _frame: FrameType | None) -> None:
    raise StopRequested


def _stop(running: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if running.poll() is None:
        running.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.wait(120)


def _wait_until_ready(running: subprocess.Popen[bytes], data: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        if running.poll() is not None:
            raise typer.Exit(EXIT_FAILED)  # the launcher has printed the reason
        try:
            found = asyncio.run(read_status(data))
        except NoInstance:
            found = None
        if found and not found.problems:
            return
        time.sleep(0.5)
    raise fail(
        f"The portal is not ready after {READY_SECONDS} s; see {data / 'logs'}.", EXIT_FAILED
    )


def _import(data: Path, limit: int | None, console: Console) -> None:
    """Runs `portal import hoa` with a progress bar for each stage."""
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
            found = asyncio.run(read_status(data))
            for name, (done, total) in stages(found).items():
                progress.update(bars[name], completed=done, total=total or None)
            if not sending.is_alive() and not found.waiting:
                break
            time.sleep(STATUS_INTERVAL_SECONDS)
    if result and result[0].returncode:
        output = result[0].stderr or result[0].stdout
        raise fail(f"The import failed:\n{output}", EXIT_FAILED)


def stages(found: InstanceStatus) -> dict[str, tuple[int, int]]:
    """Returns for each stage how many are done, and how many are known in total."""
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
    counts: dict[str, Any] = doi.get("identifiers") or {}
    return _count(counts, "minted") + _count(counts, "adopted")


def _count(figures: dict[str, Any], name: str) -> int:
    value = figures.get(name, 0)
    return value if isinstance(value, int) else 0


def _print_addresses(console: Console, port: int, data: Path) -> None:
    site = f"http://localhost:{port}"
    where = "" if data == DEFAULT_DATA else f" --data {data}"
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
        "Press Ctrl-C to stop. The data stay.",
    )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def portal_command() -> str:
    """Returns how to call `portal` here: with uv if it is installed, otherwise by its path."""
    if shutil.which("uv"):
        return "uv run portal"
    here = Path(sys.executable).with_name("portal")
    return str(here.relative_to(Path.cwd())) if here.is_relative_to(Path.cwd()) else str(here)
