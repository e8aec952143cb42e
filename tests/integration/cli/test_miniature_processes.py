"""The processes that draw miniatures."""

import subprocess
import sys
from pathlib import Path

from portal_cli.miniature import pool
from portal_cli.miniature.folder import ensure_folder

from tests.drivers.curation.miniatures import miniature, placed

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


def test_processes_create_the_same_files_in_order(tmp_path: Path) -> None:
    many = [
        miniature(f"LADAF_{n}", shape=(400, 400, 400), position=placed(name=f"s{n % 2}"))
        for n in range(pool.FEW + 1)
    ]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with pool.drawing_pool(len(many)) as drawn:
        drawn.add(tmp_path / "a", many)
        found = [drawn.ensure(tmp_path / "a", one) for one in many]
    assert found == [ensure_folder(tmp_path / "b", one) for one in many]
    assert all(created for _, created in found)
