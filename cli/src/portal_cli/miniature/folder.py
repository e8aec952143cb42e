"""Creates the folder of a miniature dataset, or verifies it if it exists.

A folder is written under another name and then renamed, so it is never incomplete. The file
SHA256SUMS in it is used to verify it.
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

from portal_shared.contracts.file_roles import recognise
from portal_shared.contracts.jobs import FileIn

from portal_cli.miniature import formats, renderer
from portal_cli.miniature.grid import MAX_SIDE, Grid, build_grid
from portal_cli.miniature.specimen import Position

GENERATOR_VERSION = 7  # increase it when the same record gives other files
SUMS = "SHA256SUMS"
METADATA = "metadata.json"
ABOUT = (
    "Generated miniature: the voxels here were drawn by a program and stand for a real volume that "
    "is too large to be here. They show nothing of the organ, but all volumes of a specimen show "
    "the same drawing at their registered positions. The true figures are those of `real`; "
    "`metadata` is that of the real volume."
)


@dataclass(frozen=True)
class Miniature:
    """Description of the miniature of one dataset."""

    name: str
    position: Position
    shape: tuple[int, int, int]  # of the real volume: x, y, z
    voxel_um: float
    metadata: dict[str, Any]
    max_side: int = MAX_SIDE  # voxels along the longest axis

    @property
    def grid(self) -> Grid:
        return build_grid(self.shape, self.voxel_um, self.max_side)


@contextmanager
def exclusive(root: Path) -> Generator[None]:
    """Holds a lock: only one process writes below `root` at a time."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ensure_folder(root: Path, miniature: Miniature) -> tuple[list[FileIn], bool]:
    """Returns the files, and whether they were created now. Call it within exclusive(root)."""
    folder = root / miniature.name
    metadata = _metadata(miniature)
    files = verify_folder(folder, metadata)
    if files is not None:
        return files, False
    part, old = root / f".{miniature.name}.part", root / f".{miniature.name}.old"
    for stale in (part, old):
        shutil.rmtree(stale, ignore_errors=True)
    part.mkdir()
    _write(part, miniature, metadata)
    if folder.exists():
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return list_files(folder), True


def verify_folder(folder: Path, metadata: bytes) -> list[FileIn] | None:
    """Returns the files if they match SHA256SUMS and this metadata, otherwise None."""
    try:
        files = list_files(folder)
        sums = (folder / SUMS).read_text("utf-8")
        is_same = (folder / METADATA).read_bytes() == metadata
    except (OSError, UnicodeDecodeError):
        return None
    return files if is_same and sums == _sums(files) else None


def list_files(folder: Path) -> list[FileIn]:
    """Returns all files below the folder with size and checksum, sorted by path."""
    found: list[FileIn] = []
    for file in sorted(f for f in folder.rglob("*") if f.is_file()):
        body = file.read_bytes()
        location = file.relative_to(folder).as_posix()
        path = str(PurePosixPath(location).parent)
        kind = recognise(location)
        found.append(
            FileIn(
                name=file.name,
                path=None if path == "." else path,
                size=len(body),
                sha256=hashlib.sha256(body).hexdigest(),
                role=kind.role,
                level=kind.level,
            )
        )
    return found


def _sums(files: list[FileIn]) -> str:
    """Returns the checksums in the format of `sha256sum -c`."""
    return "".join(f"{f.sha256}  {f.location}\n" for f in files if f.location != SUMS)


def _write(part: Path, miniature: Miniature, metadata: bytes) -> None:
    grid = miniature.grid
    position, is_round = miniature.position, miniature.shape[0] == miniature.shape[1]
    voxels = renderer.volume(position.specimen, position.matrix, grid, is_round=is_round)
    formats.write_zarr(part / "volume.ome.zarr", miniature.name, voxels, grid)
    formats.write_slices(part / "slices.tif", voxels, grid)
    (part / METADATA).write_bytes(metadata)
    (part / SUMS).write_text(_sums(list_files(part)), "utf-8")


def _metadata(miniature: Miniature) -> bytes:
    x, y, z = miniature.shape
    content = {
        "about": ABOUT,
        "dataset": miniature.name,
        "generator": {"name": "portal miniature", "version": GENERATOR_VERSION},
        "real": {
            "shape_xyz": [x, y, z],
            "voxel_size_um": miniature.voxel_um,
            "raw_size_bytes_estimate": 2 * x * y * z,
        },
        "miniature": {
            **_grid_fields(miniature.grid),
            "specimen": miniature.position.specimen.name,
            "position_is_known": miniature.position.is_known,
        },
        "metadata": miniature.metadata,
    }
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def _grid_fields(grid: Grid) -> dict[str, Any]:
    z, y, x = grid.shape
    vz, vy, vx = grid.voxel_um
    return {"shape_xyz": [x, y, z], "voxel_size_um_xyz": [vx, vy, vz]}
