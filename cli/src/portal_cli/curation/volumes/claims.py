"""The parameters that headers can contradict, and the comparison of one image with them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from portal_cli.curation.headers.image import (
    MICROMETRE,
    SPACE,
    USUAL_ORDER,
    Image,
    micrometres,
)

TOLERANCE = 0.01  # relative to the edge of a voxel
SHAPE = {f"shape_{axis}": axis for axis in SPACE}
VOXEL = {"voxel_size": "", **{f"voxel_size_{axis}": axis for axis in SPACE}}
MAX_PARAMETERS = 10_000


@dataclass(frozen=True)
class Claim:
    """A number in the metadata. `field` is its place, as in `datasets[0].parameters[2].value`."""

    name: str
    field: str
    value: float
    unit: str | None

    def __str__(self) -> str:
        value = int(self.value) if float(self.value).is_integer() and not self.unit else self.value
        return f"{self.name} is {value} {self.unit or ''}".rstrip()


@dataclass(frozen=True)
class Claims:
    shape: dict[str, Claim]  # by axis
    voxel: dict[str, Claim]  # by axis; "" for all axes


@dataclass(frozen=True)
class Contradiction:
    claim: Claim
    actual: str


@dataclass
class Comparison:
    """What an image confirms and contradicts. `remarks` are contradictions of less weight."""

    image: Image
    confirmed: set[str] = field(default_factory=set[str])  # names of parameters
    contradictions: list[Contradiction] = field(default_factory=list[Contradiction])
    remarks: list[Contradiction] = field(default_factory=list[Contradiction])

    @property
    def fits(self) -> bool:
        return bool(self.confirmed) and not self.contradictions

    @property
    def is_preview(self) -> bool:
        """Whether it is rather a series of pictures that the volume is shown with."""
        return self.image.format == "PNG" and not self.confirmed

    @property
    def distance(self) -> tuple[bool, int, int]:
        """Sorts the images that fit best first."""
        return not self.fits, -len(self.confirmed), len(self.contradictions)

    @property
    def contradicted(self) -> set[str]:
        return {one.claim.name for one in self.contradictions}


def read_claims(dataset: Any, place: str) -> Claims:
    """Returns the claims of a dataset as it is in the metadata; values of a wrong form are skipped.

    `place` is the dataset in the job, as in `datasets[0]`.
    """
    given = cast("dict[str, Any]", dataset).get("parameters") if isinstance(dataset, dict) else None
    rows = cast("list[Any]", given)[:MAX_PARAMETERS] if isinstance(given, list) else []
    claims = Claims({}, {})
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            continue
        name, value, unit = (cast("dict[str, Any]", row).get(n) for n in ("name", "value", "unit"))
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        unit = unit if isinstance(unit, str) else None
        claim = Claim(str(name), f"{place}.parameters[{number}].value", value, unit)
        if name in SHAPE:
            claims.shape[SHAPE[name]] = claim
        elif name in VOXEL:
            claims.voxel[VOXEL[name]] = claim
    return claims


def compare(image: Image, claims: Claims) -> Comparison:
    """Compares lengths and steps of the axes. What the header does not give is not compared."""
    found = Comparison(image)
    _compare_shape(found, claims)
    _compare_voxel(found, claims)
    return found


def _compare_shape(found: Comparison, claims: Claims) -> None:
    image = found.image
    others: list[str] = []  # axes of space that the header does not name
    for name in USUAL_ORDER:
        claim, axis = claims.shape.get(name), image.axis(name)
        if axis is None:
            others.append(name)
        elif claim is not None:
            _judge(found, claim, axis.length)
    free = list(image.free_lengths)
    while len(free) > len(others) and 1 in free:
        free.remove(1)
    wanted = {n: claims.shape[n] for n in others if n in claims.shape}
    if not free or not wanted:
        return
    in_order = dict(zip(others, free, strict=True)) if len(free) == len(others) else {}
    if not Counter(claim.value for claim in wanted.values()) - Counter(map(float, free)):
        found.confirmed |= {claim.name for claim in wanted.values()}
        found.remarks += [
            Contradiction(claim, f"{in_order[name]}, if its axes are in the usual order z, y, x")
            for name, claim in wanted.items()
            if in_order and in_order[name] != claim.value
        ]
    elif in_order:
        for name, claim in wanted.items():
            _judge(found, claim, in_order[name])
    else:
        lengths = " x ".join(str(length) for length in image.lengths)
        found.contradictions += [
            Contradiction(claim, lengths) for claim in wanted.values() if claim.value not in free
        ]


def _judge(found: Comparison, claim: Claim, length: int) -> None:
    if claim.value == length:
        found.confirmed.add(claim.name)
    else:
        found.contradictions.append(Contradiction(claim, str(length)))


def _compare_voxel(found: Comparison, claims: Claims) -> None:
    steps = steps_um(found.image)
    if not steps:
        return
    first = next(iter(steps))  # of voxel_size, x is compared; if it is not known, y or z
    for axis, claim in claims.voxel.items():
        edge, given = steps.get(axis or first), micrometres(claim.value, claim.unit)
        if edge is None or given is None:
            continue
        if not _is_near(given, edge):
            found.contradictions.append(Contradiction(claim, f"{edge:.6g} {MICROMETRE}"))
            continue
        found.confirmed.add(claim.name)
        if not axis and not all(_is_near(given, step) for step in steps.values()):
            shown = " x ".join(f"{step:.6g}" for step in steps.values())
            text = f"{shown} {MICROMETRE} along {', '.join(steps)}"
            found.remarks.append(Contradiction(claim, text))


def steps_um(image: Image) -> dict[str, float]:
    """Returns the steps that are known, by axis in the order x, y, z."""
    free = [axis for axis in image.axes if not axis.name]
    by_name = {axis.name: axis.step_um for axis in image.axes if axis.name in SPACE}
    missing: Sequence[str] = [name for name in USUAL_ORDER if name not in by_name]
    if len(free) == len(missing):
        by_name |= {name: axis.step_um for name, axis in zip(missing, free, strict=True)}
    return {name: step for name in SPACE if (step := by_name.get(name)) is not None}


def _is_near(given: float, edge: float) -> bool:
    return abs(given - edge) <= TOLERANCE * edge
