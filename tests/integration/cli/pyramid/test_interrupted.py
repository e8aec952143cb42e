"""A pyramid is continued after a kill or a full disk, with the same bytes and bounded memory."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from portal_cli.pyramid import finest, plan, pyramid, state
from portal_cli.pyramid.pyramid import NoProgress, Order, make_pyramid
from portal_cli.pyramid.source import ArraySource

from tests.drivers.curation.arrays import digest, pyramid_of, ramp
from tests.drivers.curation.scanned import ScannedVolume

from . import generated

MIB = 1024  # KiB, in which the peak of memory is reported


def start(folder: Path, *arguments: object) -> "subprocess.Popen[str]":
    """Starts the child process of `generated`."""
    folder.mkdir()
    command = [sys.executable, generated.__file__, str(folder), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("block", [generated.SLICE, generated.CUBE])
def test_memory_is_bounded_and_does_not_grow_with_the_volume(tmp_path: Path, block: str) -> None:
    """A volume of 1.35 GB takes less than 1 GiB, also where whole slices are read."""
    child = start(tmp_path / "made", 300, 1500, 1500, block)
    out, _ = child.communicate(timeout=250)
    assert child.returncode == 0
    assert int(out) < 1024 * MIB


def kill_when(child: "subprocess.Popen[str]", folder: Path, pattern: str) -> None:
    """Kills the child as soon as a file matches, or waits for its end."""
    while child.poll() is None and not any(folder.rglob(pattern)):
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.communicate()


@pytest.mark.parametrize("block", [generated.SLICE, generated.CUBE])
def test_a_killed_run_is_continued_with_the_same_bytes(tmp_path: Path, block: str) -> None:
    arguments = (300, 300, 520, block)
    start(tmp_path / "whole", *arguments).communicate(timeout=100)
    killed = tmp_path / "killed"
    killed.mkdir()
    for pattern in ("state.json", "0/c/0/0/2", "1/c/0/0/0"):
        command = [sys.executable, generated.__file__, str(killed), *map(str, arguments)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        kill_when(child, killed, pattern)
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    child.communicate(timeout=100)
    assert digest(killed) == digest(tmp_path / "whole")
    assert [path.name for path in killed.iterdir()] == ["volume.ome.zarr"]


def interrupt_after(monkeypatch: pytest.MonkeyPatch, shards: int, error: BaseException) -> None:
    """Lets the shard after so many fail."""
    write, done = finest.write_shard, list[Path]()

    def failing(path: Path, layers: Any) -> None:
        if len(done) >= shards:
            raise error
        done.append(path)
        write(path, layers)

    monkeypatch.setattr(finest, "write_shard", failing)


@pytest.mark.parametrize("region", [plan.REGION_BYTES, 1 << 16], ids=["memory", "scratch"])
def test_an_interrupted_run_keeps_what_it_made(
    tmp_path: Path, region: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "REGION_BYTES", region)
    voxels = ramp((70, 270, 300), "uint8")
    pyramid_of(tmp_path / "whole", voxels)
    with monkeypatch.context() as context:
        interrupt_after(context, 2, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        with pytest.raises(OSError, match="No space left"):
            pyramid_of(tmp_path / "part", voxels)
    work = state.work_folder(tmp_path / "part/volume.ome.zarr") / "pyramid/0/c"
    made = {path: path.stat().st_mtime_ns for path in work.rglob("*") if path.is_file()}
    assert len(made) == 2
    with monkeypatch.context() as context:
        interrupt_after(context, 2, AssertionError("more than two shards were made again"))
        pyramid_of(tmp_path / "part", voxels)
    assert digest(tmp_path / "part") == digest(tmp_path / "whole")


def test_a_changed_source_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = ramp((70, 270, 300), "uint8"), ramp((70, 270, 300), "uint8")[::-1].copy()
    order = Order(tmp_path / "volume.ome.zarr", "volume", (2.0,) * 3, fingerprint="old", threads=2)
    with monkeypatch.context() as context:
        interrupt_after(context, 2, OSError(errno.ENOSPC, "No space left"))
        with pytest.raises(OSError, match="No space"):
            make_pyramid(order, ArraySource(old), NoProgress())
    changed = Order(order.target, "volume", (2.0,) * 3, fingerprint="new", threads=2)
    make_pyramid(changed, ArraySource(new), NoProgress())
    pyramid_of(tmp_path / "whole", new)
    assert digest(order.target) == digest(tmp_path / "whole/volume.ome.zarr")


def test_after_a_restart_of_the_machine_torn_shards_are_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    voxels = ramp((70, 270, 300), "uint8")
    pyramid_of(tmp_path / "whole", voxels)
    with monkeypatch.context() as context:
        context.setattr(pyramid, "find_window", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pyramid_of(tmp_path / "part", voxels)
    shard = state.work_folder(tmp_path / "part/volume.ome.zarr") / "pyramid/0/c/0/1/0"
    content = shard.read_bytes()
    shard.write_bytes(b"\0" * 100 + content[100:])  # its beginning was not on disk yet
    monkeypatch.setattr(state, "_boot", lambda: "another boot")
    pyramid_of(tmp_path / "part", voxels)
    assert digest(tmp_path / "part") == digest(tmp_path / "whole")


def test_a_full_disk_is_a_problem_and_the_next_run_continues(
    scanned: ScannedVolume, monkeypatch: pytest.MonkeyPatch
) -> None:
    voxels = scanned.write_tiff()
    with monkeypatch.context() as context:
        interrupt_after(context, 0, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        assert scanned.curate().about("the disk is full", "continues")
    assert scanned.curate("--profile", "human-organs").about(".portal-overview", "unfinished")
    assert not any(".part" in file for file in scanned.job_files)
    finished = scanned.curate()
    assert (finished.problems, finished.warnings) == ([], [])
    assert scanned.has(voxels)


def test_a_run_that_was_killed_at_its_end_leaves_nothing_after_the_next(
    scanned: ScannedVolume, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pyramid has its name, but the folder in which it was made is still there."""
    scanned.write_tiff()
    with monkeypatch.context() as context:
        context.setattr(state.shutil, "rmtree", lambda *_, **__: None)
        scanned.curate()
    assert state.work_folder(scanned.path / "overview.ome.zarr").exists()
    finished = scanned.curate()
    assert (finished.problems, finished.warnings) == ([], [])
    assert not any(path.name.startswith(".") for path in scanned.path.rglob("*"))


def test_a_folder_that_cannot_be_written_is_a_problem(
    scanned: ScannedVolume, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned.write_tiff()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert scanned.curate().about("cannot be written", "Read-only file system")


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    target, dtype = tmp_path / "volume.ome.zarr", np.dtype(np.uint8)
    with (
        state.open_work(target, {}, {}, dtype),
        pytest.raises(state.PyramidLocked, match=r"volume\.ome\.zarr"),
        state.open_work(target, {}, {}, dtype),
    ):
        pass
