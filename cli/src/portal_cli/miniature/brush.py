"""Shares of a voxel that structures fill: edges, sheets, tubes and grains, by their distance.

Lengths are in mm. What is smaller than a voxel is averaged, so that coarse and fine grids agree.
"""

import math

import numpy as np

from portal_cli.miniature.waves import Field, Lattice, Part, Waves

SLOPE = 4.6  # mean gradient of a field of wavelength 1: distance to its zero is |field| / SLOPE
FINE, COARSE = 4.0, 2.5  # voxels per wavelength from which structures are drawn, or averaged


def mix(below: Field | float, above: Field | float, share: Field) -> Field:
    return below + (above - below) * share


def smooth(value: Field, low: float, high: float) -> Field:
    """Returns 0 below `low`, 1 above `high`, and a smooth transition between."""
    t = np.clip((value - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return t * t * (3 - 2 * t)


class Brush:
    """Draws structures of one specimen on one lattice."""

    def __init__(self, specimen: str, lattice: Lattice) -> None:
        self.waves = Waves(specimen, lattice)
        self.lattice = lattice
        self.voxel = lattice.voxel_mm
        self._drawn: dict[str, Field] = {}

    def select(self, part: Part) -> tuple[Field, Field, Field]:
        """Selects the voxels that are drawn next; returns their x, y, z in mm."""
        self.waves.part = part
        self._drawn.clear()
        x, y, z = (
            values[
                tuple(s if n > 1 else slice(None) for s, n in zip(part, values.shape, strict=True))
            ]
            for values in self.lattice.coordinates
        )
        return x, y, z

    def noise(self, name: str, wavelength: float) -> Field:
        """Returns a smooth field for outlines, the same at each voxel size."""
        if name not in self._drawn:
            self._drawn[name] = self.waves.field(name, wavelength)
        return self._drawn[name]

    def grain(
        self, name: str, wavelength: float, stretch: tuple[float, float, float] = (1, 1, 1)
    ) -> Field:
        """Returns a texture, averaged over each voxel."""
        return self.waves.field(name, wavelength, stretch, averaged=True)

    def edge(self, depth: Field) -> Field:
        """Returns the share of each voxel with positive depth."""
        return np.clip(depth * np.float32(1 / self.voxel) + np.float32(0.5), 0, 1)

    def layer(self, distance: Field, thickness: float) -> Field:
        """Returns the share of a layer of this thickness around distance 0."""
        thin, thick = sorted((thickness, self.voxel))
        reach = np.float32((thin + thick) / (2 * thin))
        found = np.clip(reach - np.abs(distance) * np.float32(1 / thin), 0, 1)
        return found * np.float32(min(1.0, thickness / self.voxel))

    def sheets(
        self,
        name: str,
        wavelength: float,
        thickness: float,
        stretch: tuple[float, float, float] = (1, 1, 1),
    ) -> Field:
        """Returns the share of curved sheets that enclose cells, like septa."""
        mean = math.erf(thickness / 2 * SLOPE / wavelength / math.sqrt(2))
        shown = self._shown(wavelength * min(stretch))
        if shown <= 0:
            return np.full((1, 1, 1), mean, np.float32)
        field = self.waves.field(name, wavelength, stretch)
        found = self.layer(field * np.float32(wavelength / SLOPE), thickness)
        return found if shown >= 1 else mean + (found - mean) * np.float32(shown)

    def tubes(self, name: str, wavelength: float) -> Field:
        """Returns the distance in mm to the axis of winding tubes."""
        one = self.waves.field(f"{name} 1", wavelength)
        two = self.waves.field(f"{name} 2", wavelength)
        return np.sqrt(one * one + two * two) * np.float32(wavelength / SLOPE)

    def vessel(
        self,
        below: Field,
        axis: Field,
        radius: Field | float,
        wall: Field | float,
        *,
        greys: tuple[float, float],
        within: Field | float = 1.0,
    ) -> Field:
        """Draws tubes: grey of the wall and of the lumen, where `within` is 1."""
        outer = self._disc(axis, radius + wall) * within
        inner = self._disc(axis, radius) * within
        return below + outer * (greys[0] - below) + inner * np.float32(greys[1] - greys[0])

    def _disc(self, away: Field, radius: Field | float) -> Field:
        """Returns the share of a round section. Its area is right also if it is below a voxel."""
        h = self.voxel
        r = np.maximum(np.asarray(radius, np.float32), np.float32(1e-6))
        square, wide = r * r, r + np.float32(h / 2)
        area = square / (square + np.float32(h * h / 12))
        if float(r.min()) < h / 2:
            area = np.where(r < h / 2, square * np.float32(3 * h) / (wide * wide * wide), area)
        return self.edge(r - away) * area

    def blobs(self, name: str, wavelength: float, level: float) -> Field:
        """Returns the share of round bodies: where a field is above `level`."""
        mean = math.erfc(level / math.sqrt(2)) / 2
        shown = self._shown(wavelength)
        if shown <= 0:
            return np.full((1, 1, 1), mean, np.float32)
        field = self.waves.field(name, wavelength)
        found = self.edge((field - np.float32(level)) * np.float32(wavelength / SLOPE))
        return found if shown >= 1 else mean + (found - mean) * np.float32(shown)

    def _shown(self, wavelength: float) -> float:
        ratio = wavelength / self.voxel
        return min(1.0, max(0.0, (ratio - COARSE) / (FINE - COARSE)))

    def is_drawn(self, size: float) -> bool:
        """Whether structures of this size in mm are more than a part of a voxel."""
        return size > self.voxel * 0.5
