"""What files know of themselves against what the metadata claim of them. Pure."""

from collections.abc import Sequence

from portal_shared import units
from portal_shared.contracts.jobs import DatasetIn, ParameterIn, Problem

from portal_cli.curation.file_headers import MICROMETRE, Facts

TOLERANCE = 0.01  # of a voxel's edge
AXES = ("shape_z", "shape_y", "shape_x")
VOLUME = 3


def compare(dataset: DatasetIn, name: str, facts: Facts, place: str) -> list[Problem]:
    """A problem for each claim that the header contradicts, at the claim."""
    return [
        *_shape(dataset.parameters, name, facts, place),
        *_voxel(dataset.parameters, name, facts, place),
    ]


def _shape(found: Sequence[ParameterIn], name: str, facts: Facts, place: str) -> list[Problem]:
    if len(facts.shape) < VOLUME:
        return []
    told: list[Problem] = []
    for axis, length in zip(AXES, facts.shape[-VOLUME:], strict=True):
        for n, parameter in enumerate(found):
            if parameter.name == axis and parameter.value != length:
                told.append(_contradicted(_at(place, n), parameter, f"{length}", name, facts))
    return told


def _voxel(found: Sequence[ParameterIn], name: str, facts: Facts, place: str) -> list[Problem]:
    if not facts.voxel_um:
        return []
    told: list[Problem] = []
    for n, parameter in enumerate(found):
        if parameter.name != "voxel_size" or isinstance(parameter.value, str):
            continue
        claimed = units.convert(float(parameter.value), parameter.unit, MICROMETRE)
        edge = facts.voxel_um[-1]
        if claimed is not None and abs(claimed - edge) > TOLERANCE * edge:
            shown = f"{edge:.6g} {MICROMETRE}"
            told.append(_contradicted(_at(place, n), parameter, shown, name, facts))
    return told


def _at(place: str, number: int) -> str:
    return f"{place}.parameters[{number}]"


def _contradicted(
    where: str, parameter: ParameterIn, truth: str, name: str, facts: Facts
) -> Problem:
    claimed = f"{parameter.value} {parameter.unit or ''}".strip()
    reason = f"{parameter.name} is claimed to be {claimed}, but {name} ({facts.format}) has {truth}"
    return Problem(field=f"{where}.value", reason=reason, suggestion=truth)
