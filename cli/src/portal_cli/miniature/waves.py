"""Random fields in physical space: sums of plane waves, exact at every position and rotation.

The mean of a plane wave over a voxel is known, so a coarse grid has the mean of a fine grid. A
grid of the three coordinates separates, so that a field is one product of two small matrices.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]
Turns = NDArray[np.complex64]
Triple = tuple[float, float, float]
Part = tuple[slice, slice, slice]
TAU = 2 * np.pi
WAVES = 24  # of a field; more look the same
NEGLIGIBLE = 0.02  # amplitude below which a field is left out


def seed(*parts: object) -> int:
    text = "\n".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


@dataclass(frozen=True)
class Lattice:
    """Positions of voxels in the specimen, in mm: axes x, y, z; index order z, y, x."""

    origin: tuple[float, float, float]  # x, y, z of voxel 0, 0, 0
    steps: tuple[tuple[float, float, float], ...]  # x, y, z per index of z, of y, of x
    shape: tuple[int, int, int]  # z, y, x

    @cached_property
    def voxel_mm(self) -> float:
        return float(np.mean([np.linalg.norm(step) for step in self.steps]))

    @cached_property
    def coordinates(self) -> tuple[Field, Field, Field]:
        """x, y, z of all voxels, each in the smallest shape that broadcasts."""
        rows = np.array(self.steps)
        found: list[Field] = []
        for axis in range(3):
            total: Field = np.full((1, 1, 1), self.origin[axis], np.float32)
            for index in range(3):
                if abs(rows[index, axis]) > 1e-12:  # noqa: PLR2004
                    shape = [1, 1, 1]
                    shape[index] = self.shape[index]
                    ramp = (np.arange(self.shape[index]) * rows[index, axis]).astype(np.float32)
                    total = total + ramp.reshape(shape)
            found.append(total)
        return found[0], found[1], found[2]

    def every(self, step: int) -> "Lattice":
        """Returns the lattice with every `step`-th voxel along each axis, from the first on."""
        z, y, x = (-(-n // step) for n in self.shape)
        steps = tuple((a * step, b * step, c * step) for a, b, c in self.steps)
        return Lattice(self.origin, (steps[0], steps[1], steps[2]), (z, y, x))


class Waves:
    """Random fields of one specimen on one lattice. A name gives the same field everywhere.

    Fields are returned for the voxels that `part` selects: slices along z, y, x.
    """

    def __init__(self, specimen: str, lattice: Lattice) -> None:
        self.part: Part = (slice(None), slice(None), slice(None))
        self._specimen, self._lattice = specimen, lattice
        self._terms: dict[tuple[object, ...], tuple[Turns, Turns, Turns] | None] = {}

    def field(
        self, name: str, wavelength: float, stretch: Triple = (1, 1, 1), *, averaged: bool = False
    ) -> Field:
        """Returns a field with mean 0 and variance 1 and about this wavelength in mm.

        `stretch` makes it longer along x, y, z. `averaged` gives its mean over each voxel.
        """
        key = (name, wavelength, averaged)
        if key not in self._terms:
            self._terms[key] = self._build(name, wavelength, stretch, averaged=averaged)
        terms = self._terms[key]
        if terms is None:
            return np.zeros((1, 1, 1), np.float32)
        z, y, x = (turns[part] for turns, part in zip(terms, self.part, strict=True))
        plane: Turns = (z[:, None, :] * y[None, :, :]).reshape(-1, WAVES)
        left: Field = plane.view(np.float32)  # real and imaginary parts in turn
        right: Field = x.view(np.float32)
        return (left @ right.T).reshape(len(z), len(y), len(x))

    def _build(
        self, name: str, wavelength: float, stretch: Triple, *, averaged: bool
    ) -> tuple[Turns, Turns, Turns] | None:
        """Returns the factors of all waves along z, y and x; None if nothing of them remains."""
        random = np.random.default_rng(seed(self._specimen, name))
        direction = random.standard_normal((WAVES, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        length = random.uniform(0.75, 1.3, (WAVES, 1)) * TAU / wavelength
        k = direction * length / np.array(stretch)
        phase = random.uniform(0, TAU, WAVES) + k @ np.array(self._lattice.origin)
        along = k @ np.array(self._lattice.steps).T  # radians per index of z, y, x
        amplitude = np.full(WAVES, np.sqrt(2 / WAVES))
        if averaged:
            amplitude *= np.prod(np.sinc(along / TAU), axis=1)
            if np.sqrt((amplitude**2).sum() / 2) < NEGLIGIBLE:
                return None
        z, y, x = (_turns(along[:, axis], n) for axis, n in enumerate(self._lattice.shape))
        z *= (amplitude * np.exp(1j * phase)).astype(np.complex64)
        return z, y, np.conjugate(x)


def _turns(radians: NDArray[np.float64], n: int) -> Turns:
    """Returns the phase of each wave at n indices, as a complex number."""
    return np.exp(1j * np.outer(np.arange(n), radians)).astype(np.complex64)
