"""A child process and what it left running; its number is never used after its end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from portal_local.launcher.processes import Child, is_running

# A leader that ends at once and leaves a process, whose id it prints.
LEAVES = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid, flush=True)"
SIGNALLED = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"


def start(folder: Path, script: str) -> Child:
    child = Child("x", [sys.executable, "-c", script], log=folder / "x.log", environment={})
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is a zombie
    return child


def test_what_a_process_left_running_is_killed_when_its_end_is_noticed(tmp_path: Path) -> None:
    child = start(tmp_path, LEAVES)
    left = int((tmp_path / "x.log").read_text())
    assert is_running(left)
    assert child.poll() == 0
    subprocess.run(["tail", f"--pid={left}", "--follow=name", os.devnull], check=True, timeout=60)


def test_after_its_end_no_signal_goes_to_the_number_of_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system gives the number to another process; `stop()` killed the whole group of that."""
    child = start(tmp_path, SIGNALLED)
    assert child.poll() == -signal.SIGTERM
    sent: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda pid, _: sent.append(pid))
    child.terminate()
    child.stop()
    child.kill()
    assert child.poll() == -signal.SIGTERM
    assert sent == []
