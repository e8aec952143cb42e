"""An instance from its start to its end: a second one, a full disk, a launcher that is killed."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from portal_local.launcher.processes import is_running

from tests.drivers import plain_http
from tests.drivers.instance import Portal, started, until

pytestmark = pytest.mark.timeout(900)  # the portal starts within the first test
EXAMPLE = Path(__file__).parents[2] / "examples" / "job.json"


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | None]:
    """A small disk, or None if this user may not mount one."""
    folder = tmp_path_factory.mktemp("disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", str(folder)]
    can_mount = shutil.which("mount") and os.geteuid() == 0
    if not can_mount or subprocess.run(command, capture_output=True, check=False).returncode:
        yield None
        return
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def portal(disk: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    made = started((disk or tmp_path_factory.mktemp("instance")) / "data")
    try:
        yield made
    finally:
        made.run("down")


def test_a_second_start_is_refused_and_changes_nothing(portal: Portal) -> None:
    before = portal.instance()
    for _ in range(2):  # the second one removed instance.json, the third started another broker
        refused = portal.run("up", "--detach", "--port", portal.url.rpartition(":")[2])
        assert refused.returncode == 1
        assert f"{portal.url} (process {before['pid']})" in refused.stderr
        assert f"portal down --data {portal.data}" in refused.stderr
        assert portal.instance() == before
    assert "archive" in portal.done("status")


def test_a_full_disk_is_reported_and_everything_recovers(
    portal: Portal, disk: Path | None, tmp_path: Path
) -> None:
    if disk is None:
        pytest.skip("mounting a small disk needs root")
    job = json.loads(EXAMPLE.read_text("utf-8"))
    path = tmp_path / "job.json"
    path.write_text(json.dumps({**job, "job_id": "full-disk"}), "utf-8")
    ballast = disk / "ballast"
    with ballast.open("wb") as file, pytest.raises(OSError, match="No space left"):  # noqa: PT012
        while True:
            file.write(bytes(2**20))
            file.flush()
    sent: list[subprocess.CompletedProcess[str]] = []

    def is_refused() -> bool:  # the broker looks at the disk from time to time
        sent.append(portal.run("submit", str(path), "--timeout", "5", "--json"))
        return sent[-1].returncode == 3

    until(is_refused, 120)
    refused = sent[-1]
    if refused.stdout:  # else the broker had stopped before
        assert json.loads(refused.stdout)["jobs"][0]["stored"] is False
    status = portal.run("status", "--json")
    assert status.returncode == 1
    assert any(line.startswith("disk: ") for line in json.loads(status.stdout)["trouble"])
    assert "full" in plain_http.get(f"{portal.url}/health", timeout=60).json()["problems"]["disk"]
    ballast.unlink()
    until(lambda: portal.run("status").returncode == 0, 240)
    portal.done("submit", str(path), "--timeout", "240")


def test_after_a_killed_launcher_nothing_is_left(portal: Portal) -> None:
    running = portal.instance()
    os.kill(running["pid"], signal.SIGKILL)
    down = portal.done("down")
    assert "stopped" in down or "No portal" in down
    pids = [p["pid"] for kind in ("services", "servers") for p in running[kind].values()]
    assert [pid for pid in pids if is_running(pid)] == []
    assert portal.run("status").returncode == 3
