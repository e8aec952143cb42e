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


class Asked(Exception):
    """To end."""


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def foreground(layout: Layout, *, port: int, empty: bool) -> int:
    """Until asked to end; returns the exit code."""

    def asked(_number: int, _frame: FrameType | None) -> None:
        raise Asked

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, asked)
    supervisor = Supervisor(layout, port=port, say=say)
    try:
        supervisor.start(empty=empty)
        say(f"ready: http://localhost:{port}")
        while True:
            time.sleep(WATCH_SECONDS)
            try:
                supervisor.watch()
            except NotStarted as error:
                say(str(error))
    except Asked:
        say("ending")
    except NotStarted as error:
        say(str(error))
        return 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        supervisor.stop()
    return 0


def detached(layout: Layout, *, port: int, empty: bool) -> int:
    """Start it in a session of its own; return when it is ready."""
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
        told = log.read_bytes()[start:].decode("utf-8", "replace")
        if "ready: " in told and read_instance(layout):
            say(f"ready: http://localhost:{port}")
            return 0
        if process.poll() is not None:
            say(told.strip().rsplit("\n", 1)[-1])
            return 1
        time.sleep(0.2)
    process.terminate()
    say(f"not ready after {DETACHED_SECONDS} s; see {log}")
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(".portal"))
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--empty", action="store_true", help="remove what the instance holds")
    parser.add_argument("--detach", action="store_true")
    chosen = parser.parse_args()
    run = detached if chosen.detach else foreground
    return run(Layout(chosen.data), port=chosen.port, empty=chosen.empty)


if __name__ == "__main__":
    raise SystemExit(main())
