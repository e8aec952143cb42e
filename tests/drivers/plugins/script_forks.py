"""Pytest plugin of python-icat's suite: its command-line scripts run in forks of the test process.

A new interpreter for each of some hundred calls imports python-icat and loads the 53 types of
entities again, which is most of what a call costs. A fork has both.
"""

import gc
import os
import runpy
import subprocess
import sys
import traceback
from typing import IO, Any

_check_call = subprocess.check_call


def _run(command: list[str], streams: tuple[IO[Any] | None, ...]) -> int:
    """Runs the script in this process, with the given standard streams; returns its exit code."""
    for number, stream in enumerate(streams):
        if stream is not None:
            os.dup2(stream.fileno(), number)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  # as long as the process
    sys.stdout, sys.stderr = (open(n, "w", closefd=False) for n in (1, 2))  # noqa: SIM115
    sys.argv = command[1:]
    try:
        runpy.run_path(command[1], run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException:  # noqa: BLE001  # whatever ends a script
        traceback.print_exc()
        return 1
    return 0


def _call_in_fork(
    command: list[str],
    *,
    stdin: IO[Any] | None = None,
    stdout: IO[Any] | None = None,
    stderr: IO[Any] | None = None,
) -> int:
    """Does what subprocess.check_call does with a script of the same interpreter."""
    if command[0] != sys.executable:
        return _check_call(command, stdin=stdin, stdout=stdout, stderr=stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        code = 1
        gc.disable()  # a script is short, and what it inherits is large
        try:
            code = _run(command, (stdin, stdout, stderr))
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise subprocess.CalledProcessError(code, command)
    return 0


subprocess.check_call = _call_in_fork
