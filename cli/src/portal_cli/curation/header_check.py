"""Compares the headers of files with the parameters in the metadata."""

from collections.abc import Sequence

from portal_shared import units
from portal_shared.contracts.jobs import DatasetIn, ParameterIn, Problem

from portal_cli.curation.file_headers import MICROMETRE, FileHeader

TOLERANCE = 0.01  # relative to the edge of a voxel
AXES = ("shape_z", "shape_y", "shape_x")
VOLUME_AXES = 3


def compare_header(dataset: DatasetIn, name: str, header: FileHeader, place: str) -> list[Problem]:
    """Returns a problem for each parameter that the header contradicts.

    `place` is the dataset in the job, as in `datasets[0]`.
    """
    return [
        *_compare_shape(dataset.parameters, name, header, place),
        *_compare_voxel_size(dataset.parameters, name, header, place),
    ]


def _compare_shape(
    parameters: Sequence[ParameterIn], name: str, header: FileHeader, place: str
) -> list[Problem]:
    if len(header.shape) < VOLUME_AXES:
        return []
    return [
        _contradiction(_field(place, n), parameter, f"{length}", name, header)
        for axis, length in zip(AXES, header.shape[-VOLUME_AXES:], strict=True)
        for n, parameter in enumerate(parameters)
        if parameter.name == axis and parameter.value != length
    ]


def _compare_voxel_size(
    parameters: Sequence[ParameterIn], name: str, header: FileHeader, place: str
) -> list[Problem]:
    if not header.voxel_um:
        return []
    problems: list[Problem] = []
    for n, parameter in enumerate(parameters):
        if parameter.name != "voxel_size" or isinstance(parameter.value, str):
            continue
        given = units.convert(float(parameter.value), parameter.unit, MICROMETRE)
        edge = header.voxel_um[-1]
        if given is not None and abs(given - edge) > TOLERANCE * edge:
            shown = f"{edge:.6g} {MICROMETRE}"
            problems.append(_contradiction(_field(place, n), parameter, shown, name, header))
    return problems


def _field(place: str, number: int) -> str:
    return f"{place}.parameters[{number}].value"


def _contradiction(
    field: str, parameter: ParameterIn, actual: str, name: str, header: FileHeader
) -> Problem:
    given = f"{parameter.value} {parameter.unit or ''}".strip()
    reason = f"{parameter.name} is {given} here, but {name} ({header.format}) has {actual}"
    return Problem(field=field, reason=reason, suggestion=actual)
