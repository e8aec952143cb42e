"""What a header says of an image: the length of each axis and the size of its voxels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from portal_shared import units

MICROMETRE = "um"
SPACE = ("x", "y", "z")
USUAL_ORDER = ("z", "y", "x")  # of three axes without names
COLOUR = "s"  # red, green, blue in one voxel
MAX_IMAGES = 500  # read from one file


class TornFile(ValueError):
    """The file ends before the data that its header announces."""


@dataclass(frozen=True)
class Axis:
    """`name` is x, y, z, t (time), c (channel), s (colours of a voxel); "" if it is not known.

    Other words are axes that are neither space nor time, as the angle of a scan.
    """

    name: str
    length: int
    step_um: float | None = None  # edge of a voxel along the axis; None if it is not known


@dataclass(frozen=True)
class Image:
    format: str
    dtype: str
    axes: tuple[Axis, ...]  # in the order of the file
    levels: int = 1
    part: str = ""  # name inside the file; "" if the file has one image

    @property
    def lengths(self) -> tuple[int, ...]:
        return tuple(axis.length for axis in self.axes)

    def axis(self, name: str) -> Axis | None:
        return next((axis for axis in self.axes if axis.name == name), None)

    @property
    def free_lengths(self) -> tuple[int, ...]:
        """Lengths of the axes that may be an axis of space without a name.

        Time is one of them if there is no z: stacks are often saved as a series in time.
        """
        free = tuple(axis.length for axis in self.axes if not axis.name)
        time = self.axis("t")
        return (time.length,) if not free and time and not self.axis("z") else free

    @property
    def is_volume(self) -> bool:
        """Whether the image has three axes of space; others are pictures."""
        axes = sum(axis.name in SPACE for axis in self.axes) + len(self.free_lengths)
        return axes >= len(SPACE)

    @property
    def is_colour(self) -> bool:
        return self.axis(COLOUR) is not None


@dataclass(frozen=True)
class Header:
    """The images of a file, and the other files from which it takes data."""

    images: tuple[Image, ...] = ()
    sources: tuple[str, ...] = ()  # paths as the file names them


def micrometres(value: object, unit: str | None) -> float | None:
    """Returns a length in micrometres; None for no number, zero, or a unit that is no length."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not unit:
        return None
    found = units.convert(abs(float(value)), unit, MICROMETRE) if math.isfinite(value) else None
    return found if found and math.isfinite(found) else None


def make_axes(
    names: Sequence[str], lengths: Sequence[int], steps: Sequence[float | None] | None = None
) -> tuple[Axis, ...]:
    """Returns axes of these names, or without names if their number differs."""
    if len(names) != len(lengths):
        names = [""] * len(lengths)
    if steps is None or len(steps) != len(lengths):
        steps = [None] * len(lengths)
    return tuple(
        Axis(name, int(length), step)
        for name, length, step in zip(names, lengths, steps, strict=True)
    )
