"""Reads size and registration of a volume from the details of its record. Pure.

The fields are those of the metadata of the Human Organ Atlas: `data.shape` (x, y, z),
`data.voxel_size_um`, and `registration` with `target_dataset`, `translation` (x, y, z, in voxels of
the target), `rotation` (degrees) and `scale`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, cast

from portal_shared.registration import Registration, Volume
from pydantic import BaseModel, ConfigDict, Field, ValidationError

TARGET_FIELD = "details.registration.target_dataset"  # of a record: pid of its overview
SPECIMEN_FIELD = "details.registration.same_specimen"  # pids of overviews of the same specimen
Voxels = Annotated[int, Field(gt=0, le=10**9)]
Length = Annotated[float, Field(gt=0, ge=1e-6, le=1e6, allow_inf_nan=False)]
Shift = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]
Angle = Annotated[float, Field(ge=-36_000, le=36_000, allow_inf_nan=False)]


class _Fields(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class _Data(_Fields):
    shape: Annotated[list[Voxels], Field(min_length=3, max_length=3)]
    voxel_size_um: Length


class _Registration(_Fields):
    target_dataset: Annotated[str, Field(min_length=1)]
    translation: Annotated[list[Shift], Field(min_length=3, max_length=3)]
    rotation: Angle
    scale: Length


@dataclass(frozen=True)
class Placement:
    """What a public record says about its size and position."""

    pid: str
    volume: Volume | None  # None: its size is not given, or not valid
    is_zoom: bool
    target: str | None = None  # pid of the overview, public or not
    registration: Registration | None = None  # None: not given, or not valid
    problem: str | None = None  # which field of the registration is not valid
    same_specimen: tuple[str, ...] = ()  # pids of overviews, public or not


def read_placement(row: Mapping[str, Any]) -> Placement:
    """Returns the placement of a catalogue row; a part that is not valid is None."""
    details = _mapping(_mapping(row.get("record")).get("details"))
    given = _mapping(details.get("registration"))
    volume = _read_volume(details.get("data"))
    is_zoom = details.get("dataset_type") == "zoom" or bool(given)
    pid = str(row["_id"])
    if given.get("target_dataset") is None:
        return Placement(pid, volume, is_zoom, same_specimen=_texts(given.get("same_specimen")))
    target = given["target_dataset"] if isinstance(given["target_dataset"], str) else None
    try:
        found = _Registration.model_validate(given)
    except ValidationError as error:
        field = ".".join(map(str, error.errors(include_input=False)[0]["loc"]))
        return Placement(pid, volume, is_zoom, target, problem=field)
    if target == pid:
        return Placement(pid, volume, is_zoom, problem="target_dataset")
    x, y, z = found.translation
    registration = Registration((z, y, x), found.rotation, found.scale)
    return Placement(pid, volume, is_zoom, found.target_dataset, registration)


def _read_volume(given: object) -> Volume | None:
    try:
        data = _Data.model_validate(given)
    except ValidationError:
        return None
    x, y, z = data.shape
    return Volume((z, y, x), data.voxel_size_um)


def _mapping(given: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {}


def _texts(given: object) -> tuple[str, ...]:
    if not isinstance(given, list):
        return ()
    return tuple(item for item in cast("list[object]", given) if isinstance(item, str))
