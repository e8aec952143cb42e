"""Positions in an organ: millimetres from its centre, and shares of its half sizes."""

from dataclasses import dataclass

import numpy as np

from portal_cli.miniature.brush import Brush
from portal_cli.miniature.specimen import Ball
from portal_cli.miniature.waves import Field

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Site:
    """Where a slab lies in the organ. z grows downwards, from the upper end."""

    brush: Brush
    half: Triple  # half sizes of the field of view of the specimen: x, y, z in mm
    x: Field
    y: Field
    z: Field
    outgrowths: tuple[Ball, ...] = ()  # where the organ is larger than it is drawn

    def grown(self, depth: Field) -> Field:
        """Returns the depth below the surface with outgrowths, which blend into the organ.

        An outgrowth is a ball, and the way from it towards the middle of the organ.
        """
        for ball in self.outgrowths:
            depth = _blend(depth, self._depth_in(ball), ball.radius)
        return depth

    def _depth_in(self, ball: Ball) -> Field:
        a, b, c = ball.centre
        length = max(a * a + b * b + c * c, 1e-12)
        along = np.clip((self.x * a + self.y * b + self.z * c) * np.float32(1 / length), 0, 1)
        away = (self.x - along * a) ** 2 + (self.y - along * b) ** 2 + (self.z - along * c) ** 2
        return np.float32(ball.radius) - np.sqrt(away)

    @property
    def u(self) -> Field:
        return self.x / np.float32(self.half[0])

    @property
    def v(self) -> Field:
        return self.y / np.float32(self.half[1])

    @property
    def w(self) -> Field:
        return self.z / np.float32(self.half[2])

    @property
    def radius(self) -> float:
        """The smallest half size, by which organs of any size are drawn alike."""
        return min(self.half)

    def wobble(self, number: int, share: float = 0.9) -> Field:
        """Returns a smooth field with features of this share of the radius."""
        return self.brush.noise(f"wobble {number}", share * self.radius)

    def ellipsoid(self, centre: Triple, axes: Triple) -> Field:
        """Returns 1 on the surface of an ellipsoid, 0 in its centre, in shares of half sizes."""
        parts = zip((self.u, self.v, self.w), centre, axes, strict=True)
        a, b, c = (((p - np.float32(m)) * np.float32(1 / r)) ** 2 for p, m, r in parts)
        return np.sqrt(a + b + c)


def _blend(one: Field, other: Field, reach: float) -> Field:
    """Returns the larger depth; where both are alike, somewhat more, so that no edge is left."""
    near = np.clip(1 - np.abs(one - other) * np.float32(1 / reach), 0, None)
    return np.maximum(one, other) + near * near * np.float32(reach / 4)
