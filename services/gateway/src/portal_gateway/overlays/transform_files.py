"""Writes a registration for other programs: an ITK transform, or an NRRD header. Pure.

Axes are x, y, z and lengths are micrometres, as in the NRRD files of crops. Neither format knows
how the organ lay in the body.
"""

from portal_shared.registration import Matrix, Volume, transform

AXES = 3


def itk_transform(matrix: Matrix, comment: str) -> str:
    """Returns an affine transform that maps points of the first volume to the second.

    Programs that resample the second volume on the grid of the first use it as it is.
    """
    linear = [matrix[2 - i][2 - j] for i in range(AXES) for j in range(AXES)]
    shift = [matrix[2 - i][3] for i in range(AXES)]
    return (
        "#Insight Transform File V1.0\n"
        f"# {comment}\n"
        "#Transform 0\n"
        "Transform: AffineTransform_double_3_3\n"
        f"Parameters: {' '.join(repr(value) for value in (*linear, *shift))}\n"
        "FixedParameters: 0 0 0\n"
    )


def nrrd_header(volume: Volume, matrix: Matrix, name: str, comment: str) -> str:
    """Returns the header of a volume whose voxels lie at their places in another volume."""
    z, y, x = volume.shape
    directions = " ".join(
        _vector([matrix[2 - row][column] * volume.voxel_um for row in range(AXES)])
        for column in (2, 1, 0)
    )
    lines = [
        "NRRD0004",
        f"# {comment}",
        f"content: {name}",
        "type: uint16",
        "dimension: 3",
        "space dimension: 3",
        f"sizes: {x} {y} {z}",
        f"space directions: {directions}",
        "kinds: domain domain domain",
        "endian: little",
        "encoding: raw",
        'space units: "µm" "µm" "µm"',
        f"space origin: {_vector(transform(matrix, (0.0, 0.0, 0.0))[::-1])}",
        "data file: volume.raw",
    ]
    return "\n".join(line.replace("\n", " ") for line in lines) + "\n"


def _vector(values: list[float] | tuple[float, ...]) -> str:
    return f"({','.join(repr(float(value)) for value in values)})"
