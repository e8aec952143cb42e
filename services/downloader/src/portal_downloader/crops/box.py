"""A box of voxels of one level of a volume, as an address asks for it. Pure. Axes are z, y, x."""

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


class BadBox(Invalid):
    """What was asked for is no box of this volume."""

    status = 400


class TooLarge(Invalid):
    """More than is cut at once."""

    status = 413


@dataclass(frozen=True)
class Box:
    """From `start` to before `stop`."""

    start: Shape
    stop: Shape

    @property
    def shape(self) -> Shape:
        z, y, x = (b - a for a, b in zip(self.start, self.stop, strict=True))
        return z, y, x

    @property
    def voxels(self) -> int:
        return math.prod(self.shape)

    def covered(self, chunk: Shape) -> tuple[range, range, range]:
        """Numbers of the chunks it touches."""
        z, y, x = (
            range(a // c, -(-b // c)) for a, b, c in zip(self.start, self.stop, chunk, strict=True)
        )
        return z, y, x

    def decoded(self, chunk: Shape) -> int:
        """Voxels of all the chunks it touches."""
        return math.prod(len(numbers) for numbers in self.covered(chunk)) * math.prod(chunk)


@dataclass(frozen=True)
class Frame:
    """Where voxels lie: the centre of voxel n is at `offset + n * scale`."""

    scale: Triple
    offset: Triple
    units: tuple[str, str, str]  # as OME-NGFF names them

    def of(self, box: Box) -> "Frame":
        """That of the box alone."""
        z, y, x = (o + a * s for o, a, s in zip(self.offset, box.start, self.scale, strict=True))
        return Frame(self.scale, (z, y, x), self.units)


def box(query: Mapping[str, str], shape: Shape) -> Box:
    """From `x=a:b` and the like, either end left out for the volume's own. Raises BadBox."""
    bounds = [_range(query.get(axis), axis, size) for axis, size in zip(AXES, shape, strict=True)]
    (z0, z1), (y0, y1), (x0, x1) = bounds
    return Box((z0, y0, x0), (z1, y1, x1))


def _range(told: str | None, axis: str, size: int) -> tuple[int, int]:
    if told is None:
        return 0, size
    match = _RANGE.fullmatch(told)
    if match is None:
        raise BadBox(f"{told[:40]!r} is no range of voxels such as 10:90", field=axis)
    start, stop = int(match[1] or 0), int(match[2] or size)
    if stop > size:
        raise BadBox(f"the volume ends at {size} there, the range at {stop}", field=axis)
    if start >= stop:
        raise BadBox(f"the range {told} is empty", field=axis)
    return start, stop


def check(wanted: Box, chunk: Shape, *, most: int, decoded: int) -> None:
    """Raises TooLarge for what is more than `most` voxels, or needs more than `decoded` read."""
    if wanted.voxels > most:
        reason = f"{wanted.voxels} voxels are asked for, at most {most} are cut at once"
        raise TooLarge(f"{reason}: take a smaller box or a coarser level")
    needed = wanted.decoded(chunk)
    if needed > decoded:
        raise TooLarge(
            f"{needed} voxels would have to be read, at most {decoded} are: they are stored in"
            f" chunks of {' x '.join(map(str, chunk))} (z, y, x)"
        )
