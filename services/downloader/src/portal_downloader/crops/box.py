"""A box of voxels of one level of a volume, parsed from the query string. Axes are z, y, x."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from portal_shared.runtime.errors import Invalid

AXES = ("z", "y", "x")
Triple: TypeAlias = tuple[float, float, float]
Shape: TypeAlias = tuple[int, int, int]
_RANGE = re.compile(r"(\d{0,12}):(\d{0,12})", re.ASCII)


class InvalidBox(Invalid):
    """The parameters do not describe a box of this volume."""

    status = 400


class BoxTooLarge(Invalid):
    """The box has more voxels, or needs more data, than one request may have."""

    status = 413


@dataclass(frozen=True)
class Box:
    """Voxels from `start` to before `stop`."""

    start: Shape
    stop: Shape

    @property
    def shape(self) -> Shape:
        z, y, x = (b - a for a, b in zip(self.start, self.stop, strict=True))
        return z, y, x

    @property
    def voxels(self) -> int:
        return math.prod(self.shape)

    def chunk_ranges(self, chunk: Shape) -> tuple[range, range, range]:
        """Returns the numbers of the chunks that the box touches, for each axis."""
        z, y, x = (
            range(a // c, -(-b // c)) for a, b, c in zip(self.start, self.stop, chunk, strict=True)
        )
        return z, y, x

    def decoded_voxels(self, chunk: Shape) -> int:
        """Returns the number of voxels of all chunks that the box touches."""
        return math.prod(len(numbers) for numbers in self.chunk_ranges(chunk)) * math.prod(chunk)


@dataclass(frozen=True)
class Frame:
    """Physical coordinates: the centre of voxel n is at `offset + n * scale`."""

    scale: Triple
    offset: Triple
    units: tuple[str, str, str]  # as OME-NGFF names them

    def of(self, box: Box) -> "Frame":
        """Returns the frame of a box of this volume."""
        z, y, x = (o + a * s for o, a, s in zip(self.offset, box.start, self.scale, strict=True))
        return Frame(self.scale, (z, y, x), self.units)


def parse_box(query: Mapping[str, str], shape: Shape) -> Box:
    """Parses `x=a:b`, `y=…`, `z=…`; a missing end is that of the volume. Raises InvalidBox."""
    bounds = [
        _parse_range(query.get(axis), axis, size) for axis, size in zip(AXES, shape, strict=True)
    ]
    (z0, z1), (y0, y1), (x0, x1) = bounds
    return Box((z0, y0, x0), (z1, y1, x1))


def _parse_range(text: str | None, axis: str, size: int) -> tuple[int, int]:
    if text is None:
        return 0, size
    match = _RANGE.fullmatch(text)
    if match is None:
        raise InvalidBox(f"{text[:40]!r} is not a range of voxels such as 10:90", field=axis)
    start, stop = int(match[1] or 0), int(match[2] or size)
    if stop > size:
        raise InvalidBox(f"the range ends at {stop}, but the volume ends at {size}", field=axis)
    if start >= stop:
        raise InvalidBox(f"the range {text} is empty", field=axis)
    return start, stop


def check_size(wanted: Box, chunk: Shape, *, most: int, decoded: int) -> None:
    """Raises BoxTooLarge for more than `most` voxels, or if more than `decoded` must be decoded."""
    if wanted.voxels > most:
        reason = f"the box has {wanted.voxels} voxels, at most {most} are allowed"
        raise BoxTooLarge(f"{reason}: request a smaller box or a coarser level")
    needed = wanted.decoded_voxels(chunk)
    if needed > decoded:
        raise BoxTooLarge(
            f"{needed} voxels would have to be read, at most {decoded} are allowed: they are"
            f" stored in chunks of {' x '.join(map(str, chunk))} (z, y, x)"
        )
