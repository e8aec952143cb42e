"""`python -m portal_local.launcher.up`: starts the portal on this machine."""

import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from portal_local.launcher.layout import Layout, read_instance
from portal_local.launcher.ports import NotStarted
from portal_local.launcher.supervisor import WATCH_SECONDS, Supervisor

DETACHED_SECONDS = 300


class StopRequested(Exception):
    """A signal requested the end of the instance."""


def print_line(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def run_in_foreground(layout: Layout, *, port: int, empty: bool) -> int:
    """Runs the instance until SIGINT, SIGTERM or SIGHUP; returns the exit code."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        raise StopRequested

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    supervisor = Supervisor(layout, port=port, print_line=print_line)
    try:
        supervisor.start(empty=empty)
        print_line(f"ready: http://localhost:{port}")
        while True:
            time.sleep(WATCH_SECONDS)
            try:
                supervisor.restart_dead()
            except NotStarted as error:
                print_line(str(error))
    except StopRequested:
        print_line("stopping the portal")
    except NotStarted as error:
        print_line(str(error))
        return 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        supervisor.stop()
    return 0


def start_detached(layout: Layout, *, port: int, empty: bool) -> int:
    """Starts the instance in the background; returns the exit code when it is ready."""
    layout.logs.mkdir(parents=True, exist_ok=True)
    log = layout.root / "portal.log"
    command = [sys.executable, "-m", "portal_local.launcher.up", "--data", str(layout.root),
               "--port", str(port), *(["--empty"] if empty else [])]  # fmt: skip
    with log.open("ab") as out:
        start = out.tell()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    end = time.monotonic() + DETACHED_SECONDS
    while time.monotonic() < end:
        output = log.read_bytes()[start:].decode("utf-8", "replace")
        if "ready: " in output and read_instance(layout):
            print_line(f"ready: http://localhost:{port}")
            return 0
        if process.poll() is not None:
            print_line(output.strip().rsplit("\n", 1)[-1])
            return 1
        time.sleep(0.2)
    process.terminate()
    print_line(f"The portal is not ready after {DETACHED_SECONDS} s; see {log}")
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path(".portal"), help="data folder of the instance"
    )
    parser.add_argument("--port", type=int, default=8000, help="port of the gateway")
    parser.add_argument(
        "--empty", action="store_true", help="delete all data of the instance before the start"
    )
    parser.add_argument(
        "--detach", action="store_true", help="run in the background; return when it is ready"
    )
    chosen = parser.parse_args()
    run = start_detached if chosen.detach else run_in_foreground
    return run(Layout(chosen.data), port=chosen.port, empty=chosen.empty)


if __name__ == "__main__":
    raise SystemExit(main())
