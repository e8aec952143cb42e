"""The processes that draw miniatures."""

import subprocess
import sys
from pathlib import Path

PARENT = """
import os
os.cpu_count = lambda: 2
from portal_cli.miniature.pool import drawing_pool

if __name__ == "__main__":
    with drawing_pool(9) as pool:
        pool._executor.submit(int).result()
        print("drawing", flush=True)
        input()
"""


def test_processes_end_when_the_command_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT, "utf-8")
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "drawing\n"
        parent.kill()
        left, _ = parent.communicate(timeout=120)  # until the last process closes its output
    assert left == ""
