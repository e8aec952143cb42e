"""The folder in which a pyramid is made until it is complete, and what is done in it.

A run that was killed is continued. After a restart of the machine, files may have lost their end:
then scratch files are removed, and shards that cannot be decoded.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from portal_cli.pyramid.shards import PART, Shard

BOOT = Path("/proc/sys/kernel/random/boot_id")
FORMAT = 1  # increase it when the same source gives other bytes


class PyramidLocked(Exception):
    """Another process makes the same pyramid."""


def work_folder(target: Path) -> Path:
    """Returns the folder beside the target, whose name `portal curate` leaves out of jobs."""
    return target.with_name(f".portal-{target.name}.part")


def remove_rest(target: Path) -> None:
    """Removes the work folder of a pyramid that has its name: a run was killed at its end.

    Nothing is removed while another process has the folder, or if a pyramid is in it.
    """
    work = Work(work_folder(target))
    if not work.folder.is_dir() or work.pyramid.exists():
        return
    with suppress(PyramidLocked), _locked(work, target):
        if not work.pyramid.exists():
            shutil.rmtree(work.folder, ignore_errors=True)


@dataclass(frozen=True)
class Work:
    folder: Path

    @property
    def pyramid(self) -> Path:
        return self.folder / "pyramid"

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"


@contextmanager
def open_work(
    target: Path, inputs: Mapping[str, Any], plan: Mapping[str, Any], dtype: np.dtype[Any]
) -> Generator[Work]:
    """Prepares the folder: what was made from other inputs is removed, the rest is kept.

    Raises PyramidLocked, OSError.
    """
    work = Work(work_folder(target))
    work.folder.mkdir(parents=True, exist_ok=True)
    with _locked(work, target):
        _prepare(work, {"format": FORMAT, "inputs": inputs}, plan, dtype)
        yield work
        shutil.rmtree(work.folder)


@contextmanager
def _locked(work: Work, target: Path) -> Generator[None]:
    """Holds the work folder for this process. Raises PyramidLocked, OSError."""
    with (work.folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PyramidLocked(f"another run makes {target.name}") from error
        yield


def _prepare(
    work: Work, inputs: Mapping[str, Any], plan: Mapping[str, Any], dtype: np.dtype[Any]
) -> None:
    state = work.folder / "state.json"
    now = json.loads(json.dumps({"inputs": inputs, "plan": plan, "boot": _boot()}))
    before = _read(state)
    if before.get("inputs") != now["inputs"]:
        shutil.rmtree(work.pyramid, ignore_errors=True)
    if before != now or not now["boot"]:
        shutil.rmtree(work.scratch, ignore_errors=True)
    work.pyramid.mkdir(exist_ok=True)
    work.scratch.mkdir(exist_ok=True)
    is_other_boot = before.get("boot") != now["boot"] or not now["boot"]
    _remove_damaged(work.pyramid, dtype, deep=is_other_boot)
    write_json(state, now)


def _read(state: Path) -> dict[str, Any]:
    try:
        found: Any = json.loads(state.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _boot() -> str:
    try:
        return BOOT.read_text("ascii").strip()
    except OSError:
        return ""


def _remove_damaged(pyramid: Path, dtype: np.dtype[Any], *, deep: bool) -> None:
    for folder, _, names in os.walk(pyramid):
        for name in names:
            path = Path(folder, name)
            is_shard = name.isdecimal() and "c" in path.relative_to(pyramid).parts
            is_damaged = is_shard and not Shard(path, name, dtype).is_whole(deep=deep)
            if name.endswith(PART) or is_damaged:
                path.unlink()


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a file under another name and renames it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART)
    part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    part.replace(path)
