"""`python -m portal_local.launcher.up`: starts the portal on this machine."""

if __name__ == "__main__":  # an interrupt while modules load must not print a traceback
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from portal_local.launcher.layout import Layout, make_private, read_instance
from portal_local.launcher.ports import MAX_PORT, NotStarted
from portal_local.launcher.processes import StopRequested, StopSignals
from portal_local.launcher.supervisor import WATCH_SECONDS, Supervisor

DETACHED_SECONDS = 300
STOP_SECONDS = 120
READY = "ready: "
EXIT_FAILED, EXIT_INTERRUPTED = 1, 130


def print_line(line: str) -> None:
    with contextlib.suppress(OSError):  # the terminal is closed, or the disk of the log is full
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def ready_lines(layout: Layout, port: int) -> list[str]:
    """Returns what is worth knowing about an instance that is ready."""
    return [
        f"data folder: {layout.root.absolute()}",
        f"intake folder: {layout.intake_root(os.environ)} (folders of jobs are below it)",
        f"{READY}http://localhost:{port}",
    ]


def run_in_foreground(layout: Layout, *, port: int, empty: bool, with_site: bool) -> int:
    """Runs the instance until SIGINT, SIGTERM or SIGHUP; returns the exit code."""
    signals = StopSignals()
    signals.install()
    supervisor = Supervisor(layout, port=port, print_line=print_line, with_site=with_site)
    is_ready = False
    try:
        supervisor.start(empty=empty)
        is_ready = True
        for line in ready_lines(layout, port):
            print_line(line)
        while True:
            time.sleep(WATCH_SECONDS)
            try:
                supervisor.restart_dead()
            except (NotStarted, OSError) as error:  # a full disk, for example: try again
                print_line(str(error))
    except StopRequested:
        print_line("stopping the portal")
    except NotStarted as error:
        print_line(str(error))
        return EXIT_FAILED
    except OSError as error:
        print_line(f"The portal cannot run with the data folder {layout.root}: {error}")
        return EXIT_FAILED
    finally:
        signals.ignore()
        supervisor.stop()
    return 0 if is_ready else EXIT_INTERRUPTED


def start_detached(layout: Layout, *, port: int, empty: bool, with_site: bool) -> int:
    """Starts the instance in the background; returns the exit code when it is ready.

    A signal meanwhile ends the instance: nothing goes on in the background.
    """
    signals = StopSignals()
    signals.install()
    log = layout.root / "portal.log"
    command = [sys.executable, "-m", "portal_local.launcher.up", "--data", str(layout.root),
               "--port", str(port), *(["--empty"] if empty else []),
               *([] if with_site else ["--no-site"])]  # fmt: skip
    process: subprocess.Popen[bytes] | None = None
    try:
        make_private(layout)
        with log.open("ab") as out:
            start = out.tell()
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        code = _wait_until_ready(process, layout, log, start)
        for line in [] if code else ready_lines(layout, port):
            print_line(line)
    except StopRequested:
        print_line("interrupted: stopping the portal")
        code = EXIT_INTERRUPTED
    except OSError as error:
        print_line(f"The data folder {layout.root} cannot be used: {error}")
        code = EXIT_FAILED
    signals.ignore()
    if code and process:
        _end(process)
    return code


def _wait_until_ready(
    process: subprocess.Popen[bytes], layout: Layout, log: Path, start: int
) -> int:
    """Returns the exit code; prints why it is not ready, from its log since `start`."""
    end = time.monotonic() + DETACHED_SECONDS
    while time.monotonic() < end:
        has_ended = process.poll() is not None
        lines = log.read_bytes()[start:].decode("utf-8", "replace").splitlines()
        if any(line.startswith(READY) for line in lines) and read_instance(layout):
            return 0
        if has_ended:
            print_line(lines[-1] if lines else f"The launcher stopped; see {log}")
            return EXIT_FAILED
        time.sleep(0.2)
    print_line(f"The portal is not ready after {DETACHED_SECONDS} s; see {log}")
    return EXIT_FAILED


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the launcher in the background, which ends all that it started."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # the kernel ends its children
        process.wait()


def port_number(text: str) -> int:
    """Returns the port. Raises ValueError if the text is no number of a port."""
    port = int(text)
    if not 1 <= port <= MAX_PORT:
        raise ValueError(text)
    return port


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path(".portal"), help="data folder of the instance"
    )
    parser.add_argument(
        "--port", type=port_number, default=8000, help=f"port of the gateway, 1 to {MAX_PORT}"
    )
    parser.add_argument(
        "--empty", action="store_true", help="delete all data of the instance before the start"
    )
    parser.add_argument(
        "--detach", action="store_true", help="run in the background; return when it is ready"
    )
    parser.add_argument("--no-site", action="store_true", help="start without the web site")
    chosen = parser.parse_args()
    os.umask(0o077)  # what an instance writes is for its owner alone
    run = start_detached if chosen.detach else run_in_foreground
    return run(
        Layout(chosen.data),
        port=chosen.port,
        empty=chosen.empty,
        with_site=not chosen.no_site,
    )


if __name__ == "__main__":
    raise SystemExit(main())
