"""The axes of an array in a file, and how its boxes become boxes with axes z, y, x."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from portal_cli.curation.headers.image import SPACE, USUAL_ORDER, Image
from portal_cli.pyramid.source import Box, SourceFault, Triple, Voxels

TYPES = frozenset(
    {"uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"}
)  # fmt: skip


@dataclass(frozen=True)
class AxesOrder:
    """`positions`: where z, y and x are among the axes of the file."""

    positions: Triple
    lengths: tuple[int, ...]

    @property
    def shape(self) -> Triple:
        return self.triple(self.lengths)

    def triple(self, values: Sequence[int]) -> Triple:
        """Returns the values of z, y, x from one for each axis of the file."""
        z, y, x = (int(values[position]) for position in self.positions)
        return (z, y, x)

    def index(self, box: Box) -> tuple[slice, ...]:
        """Returns the slices of a box for each axis of the file."""
        given = dict(zip(self.positions, box, strict=True))
        return tuple(given.get(number, slice(0, 1)) for number in range(len(self.lengths)))

    def arrange(self, voxels: Voxels) -> Voxels:
        """Returns what was read by `index` with axes z, y, x."""
        others = [n for n in range(len(self.lengths)) if n not in self.positions]
        ordered = voxels.transpose([*others, *self.positions])
        return ordered.reshape(ordered.shape[len(others) :])


def find_axes(image: Image, location: str) -> AxesOrder:
    """Returns the order of the axes. Raises SourceFault if they are not those of one volume."""
    names = [axis.name for axis in image.axes]
    for axis in image.axes:
        if axis.length > 1 and axis.name and axis.name not in SPACE:
            if axis.name == "t" and "z" not in names:
                continue  # a stack that was saved as a series in time
            kind = {"c": "channels", "t": "times", "s": "colours"}.get(axis.name, axis.name)
            reason = f"has {axis.length} {kind}: a pyramid is made of a volume with one value each"
            raise SourceFault(location, f"{reason}; write one of them as a file of its own")
    free = [n for n, axis in enumerate(image.axes) if axis.name not in SPACE]
    while len(free) + sum(name in SPACE for name in names) > len(SPACE):
        single = next((n for n in free if image.axes[n].length == 1), None)
        if single is None:
            break
        free.remove(single)
    missing = [name for name in USUAL_ORDER if name not in names]
    if len(free) != len(missing):
        lengths = " x ".join(map(str, image.lengths))
        raise SourceFault(location, f"has {lengths} voxels, which is not a volume with z, y and x")
    place = {name: names.index(name) for name in USUAL_ORDER if name in names}
    place |= dict(zip(missing, free, strict=True))
    return AxesOrder((place["z"], place["y"], place["x"]), image.lengths)


def check_dtype(dtype: Any, location: str) -> np.dtype[Any]:
    """Returns the type in the byte order of this machine. Raises SourceFault for other types."""
    try:
        found = np.dtype(dtype).newbyteorder("=")
    except TypeError:
        found = None
    if found is None or found.name not in TYPES:
        allowed = ", ".join(sorted(TYPES))
        shown = str(dtype)[:40] if found is None else found.name
        raise SourceFault(location, f"has voxels of type {shown}; a pyramid has one of {allowed}")
    return found
