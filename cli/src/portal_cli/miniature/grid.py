"""Grid of a miniature: the physical size of the real volume with far fewer voxels."""

from dataclasses import dataclass

MAX_SIDE, MIN_SIDE, LEVELS = 112, 16, 3  # sides in voxels
ZOOM_SIDE = 104  # longest side of zooms, which have small voxels anyway and are many
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Grid:
    """Axes z, y, x; level n has voxels twice as large as level n - 1."""

    shape: tuple[int, int, int]
    voxel_um: Triple
    real_voxel_um: float

    def scale(self, level: int) -> Triple:
        z, y, x = self.voxel_um
        return (z * 2**level, y * 2**level, x * 2**level)

    def translation(self, level: int) -> Triple:
        """Returns the centre of the first voxel, relative to that of the real volume."""
        z, y, x = ((size - self.real_voxel_um) / 2 for size in self.scale(level))
        return (z, y, x)


def build_grid(real_shape: tuple[int, int, int], voxel_um: float, max_side: int = MAX_SIDE) -> Grid:
    """Returns the grid for a real shape (x, y, z); sides are multiples of 4, for three levels."""
    longest = max(real_shape)
    x, y, z = (_side(max_side * n / longest) for n in real_shape)
    sizes = [n * voxel_um / m for n, m in zip(real_shape, (x, y, z), strict=True)]
    return Grid((z, y, x), (sizes[2], sizes[1], sizes[0]), voxel_um)


def _side(voxels: float) -> int:
    multiple = 2 ** (LEVELS - 1)
    return max(MIN_SIDE, round(voxels / multiple) * multiple)
