"""Makes previews and thumbnails of a volume from the levels of its pyramid.

Previews are the three middle slices; thumbnails have the whole middle slice along z on a black
square. Pixels are square, as the specimen is; there is no scale bar and no text in them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pictures

from portal_cli.curation.derivatives.pyramids import Pyramid, PyramidLevel
from portal_cli.pyramid.source import Box, Voxels

PREVIEWS = "previews"
THUMBNAILS = "thumbnails"
SIZES = {"small": 160, "medium": 320, "large": 640}  # pixels
MAX_PREVIEW = 1024  # pixels along the longer side
STRIP = 64  # rows of a slice that are read at once
SUFFIXES = (".webp", ".png")
WEBP: dict[str, Any] = {"quality": 85, "method": 4}
PNG: dict[str, Any] = {"compress_level": 9}


@dataclass(frozen=True)
class _Slice:
    """A slice in grey levels, and the size of its pixels in micrometres (rows, columns)."""

    picture: Pictures.Image
    pixel_um: tuple[float, float]

    def resized(self, longest: int, *, enlarge: bool) -> Pictures.Image:
        """Returns the slice with square pixels; `longest` is the length of its longer side."""
        height, width = (
            count * size for count, size in zip(self.picture.size[::-1], self.pixel_um, strict=True)
        )
        scale = longest / max(height, width)
        if not enlarge:
            scale = min(scale, 1 / min(self.pixel_um))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        if size == self.picture.size:
            return self.picture
        return self.picture.resize(size, Pictures.Resampling.LANCZOS)


def picture_files(folder: Path) -> list[Path]:
    """Returns all files that are made for a dataset in this folder."""
    names = [f"{PREVIEWS}/{axis}" for axis in "zyx"] + [f"{THUMBNAILS}/{size}" for size in SIZES]
    return [folder / f"{name}{suffix}" for name in names for suffix in SUFFIXES]


def make_pictures(folder: Path, pyramid: Pyramid, advance: Callable[[int], None]) -> None:
    """Writes the pictures that are missing; `advance` is called with the bytes that were written.

    Raises SourceFault for damaged chunks, OSError.
    """
    missing = {path for path in picture_files(folder) if not path.exists()}
    if not missing:
        return
    for number, axis in enumerate("zyx"):
        wanted = [path for path in missing if path.parent.name == PREVIEWS and path.stem == axis]
        if wanted:
            slice_ = _middle(pyramid, _finest_within(pyramid, number, MAX_PREVIEW), number)
            advance(_save(slice_.resized(MAX_PREVIEW, enlarge=False), wanted))
    thumbnails = [path for path in missing if path.parent.name == THUMBNAILS]
    if thumbnails:
        slice_ = _middle(pyramid, _coarsest_above(pyramid, 0, max(SIZES.values())), 0)
        for name, size in SIZES.items():
            wanted = [path for path in thumbnails if path.stem == name]
            advance(_save(_on_square(slice_.resized(size, enlarge=True), size), wanted))


def _finest_within(pyramid: Pyramid, axis: int, longest: int) -> PyramidLevel:
    fitting = (level for level in pyramid.levels if _longest(level, axis) <= longest)
    return next(fitting, pyramid.levels[-1])


def _coarsest_above(pyramid: Pyramid, axis: int, longest: int) -> PyramidLevel:
    fitting = (level for level in reversed(pyramid.levels) if _longest(level, axis) >= longest)
    return next(fitting, pyramid.levels[0])


def _longest(level: PyramidLevel, axis: int) -> int:
    return max(length for n, length in enumerate(level.source.shape) if n != axis)


def _middle(pyramid: Pyramid, level: PyramidLevel, axis: int) -> _Slice:
    """Returns the slice in the middle of an axis in the grey levels of the display window."""
    shape = level.source.shape
    middle = slice(shape[axis] // 2, shape[axis] // 2 + 1)
    rows, columns = (n for n in range(3) if n != axis)
    strips: list[Voxels] = []
    for start in range(0, shape[rows], STRIP):
        parts = [slice(0, length) for length in shape]
        parts[axis] = middle
        parts[rows] = slice(start, min(start + STRIP, shape[rows]))
        strips.append(_grey(level.source.read(_box(parts)).squeeze(axis), pyramid.window))
    picture = Pictures.fromarray(np.concatenate(strips))
    return _Slice(picture, (level.voxel_um[rows], level.voxel_um[columns]))


def _box(parts: list[slice]) -> Box:
    z, y, x = parts
    return (z, y, x)


def _grey(voxels: Voxels, window: tuple[float, float]) -> Voxels:
    start, end = window
    level = (voxels.astype(np.float64) - start) / (end - start)
    return np.rint(np.clip(np.nan_to_num(level, nan=0.0), 0, 1) * 255).astype(np.uint8)


def _on_square(picture: Pictures.Image, size: int) -> Pictures.Image:
    canvas = Pictures.new("L", (size, size))
    canvas.paste(picture, ((size - picture.width) // 2, (size - picture.height) // 2))
    return canvas


def _save(picture: Pictures.Image, paths: list[Path]) -> int:
    """Writes each file under a name that `portal curate` leaves out, and renames it.

    Returns the bytes of all of them.
    """
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".portal-{path.name}.part")
        if path.suffix == ".webp":
            picture.save(part, "WEBP", **WEBP)
        else:
            picture.save(part, "PNG", **PNG)
        part.replace(path)
    return sum(path.stat().st_size for path in paths)
