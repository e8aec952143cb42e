"""The files of a dataset below the archive: made once, checked when there, never half done.

A folder is written beside its place and renamed. SHA256SUMS in it tells whether it is intact.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from portal_shared.contracts.jobs import FileIn

from portal_cli.miniature import formats, tissue
from portal_cli.miniature.grid import Grid, grid

GENERATOR = 1  # grows when the same record gives other files
SUMS = "SHA256SUMS"
METADATA = "metadata.json"
ABOUT = (
    "Generated miniature: the voxels here were drawn by a program and stand for a real volume that "
    "is too large to be here. They show nothing of the organ. The true figures are those of "
    "`real`; `metadata` is that of the real volume."
)


@dataclass(frozen=True)
class Miniature:
    """What there is to make for one dataset."""

    name: str
    organ: str
    whole: bool  # the whole organ, not a part of it
    shape: tuple[int, int, int]  # of the real volume: x, y, z
    voxel_um: float
    metadata: dict[str, Any]


@contextmanager
def alone(folder: Path) -> Generator[None]:
    """Only one process writes below the folder at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ensure(folder: Path, wanted: Miniature) -> tuple[list[FileIn], bool]:
    """Its files, and whether they had to be made. To be called while alone(folder)."""
    place = folder / wanted.name
    text = _metadata(wanted)
    found = intact(place, text)
    if found is not None:
        return found, False
    part, old = folder / f".{wanted.name}.part", folder / f".{wanted.name}.old"
    for stale in (part, old):
        shutil.rmtree(stale, ignore_errors=True)
    part.mkdir()
    _write(part, wanted, text)
    if place.exists():
        place.rename(old)
    part.rename(place)
    shutil.rmtree(old, ignore_errors=True)
    return listed(place), True


def intact(place: Path, metadata: bytes) -> list[FileIn] | None:
    """The files, if they are what SHA256SUMS says and belong to this metadata; else None."""
    try:
        found = listed(place)
        sums = (place / SUMS).read_text("utf-8")
        same = (place / METADATA).read_bytes() == metadata
    except (OSError, UnicodeDecodeError):
        return None
    return found if same and sums == _sums(found) else None


def listed(place: Path) -> list[FileIn]:
    """Every file below the folder with its size and checksum, in the order of their names."""
    found: list[FileIn] = []
    for file in sorted(f for f in place.rglob("*") if f.is_file()):
        body = file.read_bytes()
        path = str(PurePosixPath(file.relative_to(place).parent))
        digest = hashlib.sha256(body).hexdigest()
        found.append(
            FileIn(
                name=file.name, path=None if path == "." else path, size=len(body), sha256=digest
            )
        )
    return found


def _sums(files: list[FileIn]) -> str:
    """As `sha256sum -c` reads it."""
    return "".join(f"{f.sha256}  {f.location}\n" for f in files if f.location != SUMS)


def _write(part: Path, wanted: Miniature, metadata: bytes) -> None:
    spec = grid(wanted.shape, wanted.voxel_um)
    voxels = tissue.volume(wanted.name, wanted.organ, whole=wanted.whole, shape=spec.shape)
    formats.write_zarr(part / "volume.ome.zarr", wanted.name, voxels, spec)
    formats.write_slices(part / "slices.tif", voxels, spec)
    (part / METADATA).write_bytes(metadata)
    (part / SUMS).write_text(_sums(listed(part)), "utf-8")


def _metadata(wanted: Miniature) -> bytes:
    x, y, z = wanted.shape
    spec = grid(wanted.shape, wanted.voxel_um)
    told = {
        "about": ABOUT,
        "dataset": wanted.name,
        "generator": {"name": "portal miniature", "version": GENERATOR},
        "real": {
            "shape_xyz": [x, y, z],
            "voxel_size_um": wanted.voxel_um,
            "raw_size_bytes_estimate": 2 * x * y * z,
        },
        "miniature": _miniature(spec),
        "metadata": wanted.metadata,
    }
    return (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode()


def _miniature(spec: Grid) -> dict[str, Any]:
    z, y, x = spec.shape
    vz, vy, vx = spec.voxel_um
    return {"shape_xyz": [x, y, z], "voxel_size_um_xyz": [vx, vy, vz]}
