"""The specimen of which miniatures are cut: one per donor, organ and context."""

from dataclasses import dataclass

from portal_shared.registration import Matrix, Point


@dataclass(frozen=True)
class Ball:
    """Region of a zoom, which shows tissue; in mm from the centre of the specimen, x, y, z."""

    centre: Point
    radius: float


@dataclass(frozen=True)
class Specimen:
    name: str
    organ: str
    half_mm: Point  # half sizes of its field of view: x, y, z
    zooms: tuple[Ball, ...] = ()


@dataclass(frozen=True)
class Position:
    """Where a dataset lies in its specimen."""

    specimen: Specimen
    matrix: Matrix  # micrometres in the dataset to micrometres from the specimen's centre; z, y, x
    is_known: bool  # from the registration; False: a plausible place
