"""Maps a HOA record to parameters with the names and units of the profile.

A value that is not recorded has no parameter: no zero, no empty text.
"""

from collections.abc import Iterable

from portal_shared.contracts.jobs import ParameterIn
from portal_shared.profile import Profile

from portal_cli.hoa import donors, filters, registration
from portal_cli.hoa.atlas import Atlas
from portal_cli.hoa.record import Record

Value = str | int | float | bool | None
NameAndValue = tuple[str, Value]

SAMPLE = {
    "fixation_method": "fixation_method",
    "fixation_medium": "fixation_medium",
    "organ_infilled": "organ_infilled",
    "stabilisation_medium": "stabilisation_medium",
    "degassing_method": "degassing_method",
    "post_mortem_interval": "post_mortem_interval_hours",
    "scan_solvent": "scan_solvent",
    "scan_solvent_concentration": "scan_solvent_concentration",
    "scan_temperature": "scan_temperature",
}  # name of the parameter: name in the Atlas
SCAN = {
    "incident_photon_energy": "energy",
    "ring_current": "current_start",
    "filling_mode": "filling_mode",
    "n_projections": "n_frames",
    "n_references": "n_ref",
    "n_darks": "n_dark",
    "exposure_time": "exposure_time",
    "subframe_time": "subframe_time",
    "latency_time": "latency_time",
    "n_subframes": "n_subframes",
    "scan_type": "scan_type",
    "scan_range": "scan_range",
    "n_scans": "n_scans",
    "z_step": "z_step",
    "acquisition": "acquisition",
    "scan_time": "scan_time",
    "scintillator": "scintillator",
    "optic": "optic",
    "optic_magnification": "optic_magnification",
    "xray_magnification": "xray_magnification",
    "distance_source_sample": "distance_source_sample",
    "distance_sample_detector": "distance_sample_detector",
    "psho": "psho",
    "sensor": "sensor_name",
    "sensor_mode": "sensor_mode",
    "sensor_roi_x": "sensor_roi_x_size",
    "sensor_roi_y": "sensor_roi_y_size",
    "pixel_size": "pixel_size",
}


def dataset_parameters(record: Record, atlas: Atlas, profile: Profile) -> tuple[ParameterIn, ...]:
    found = [*_donor(record), *_volume(record)]
    found += [(name, getattr(record.sample, field)) for name, field in SAMPLE.items()]
    found += [("beamline", record.scan.beamline), ("proposal", record.proposal.proposal_number)]
    found += [(name, getattr(record.scan, field)) for name, field in SCAN.items()]
    found += _filters(record)
    if record.registration:
        found.append(("registration_target", record.registration.target_dataset))
    found.append(("registration_state", registration.registration_state(record, atlas)))
    return with_units(found, profile)


def with_units(found: Iterable[NameAndValue], profile: Profile) -> tuple[ParameterIn, ...]:
    return tuple(
        ParameterIn(name=name, value=_yes_or_no(value), unit=_unit(name, value, profile))
        for name, value in found
        if value is not None and value != ""
    )


def _yes_or_no(value: str | float | bool) -> str | int | float:  # noqa: FBT001  # a recorded value
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value


def _unit(name: str, value: Value, profile: Profile) -> str | None:
    if isinstance(value, str):
        return None
    if name == "scan_temperature":  # mostly a text; a number is in degrees Celsius
        return "celsius"
    return profile.parameters[name].unit


def _donor(record: Record) -> list[NameAndValue]:
    donor, facts = record.donor, donors.describe_donor(record.donor)
    return [
        ("donor", donor.id),
        ("donor_age", facts.age),
        ("donor_age_group", facts.age_band),
        ("donor_sex", donor.sex),
        ("donor_weight", donor.weight),
        ("donor_height", donor.height),
        ("cause_of_death", facts.cause_of_death),
        ("medical_history", donor.medical_history),
        *(("pathology", tag) for tag in facts.pathology),
    ]


def _volume(record: Record) -> list[NameAndValue]:
    x, y, z = record.data.shape
    return [
        ("organ", record.sample.organ),
        ("organ_context", record.sample.organ_context),
        ("dataset_type", record.dataset_type),
        ("voi", record.voi),
        ("voxel_size", record.data.voxel_size_um),
        ("shape_x", x),
        ("shape_y", y),
        ("shape_z", z),
        ("raw_size_estimate", record.raw_bytes),
        ("streaming_format", streaming_format(record.data.gcs_url)),
    ]


def streaming_format(url: str | None) -> str | None:
    scheme = url.split("://", 1)[0] if url and "://" in url else None
    return {"n5": "n5", "zarr": "OME-Zarr"}.get(scheme or "")


def _filters(record: Record) -> list[NameAndValue]:
    parsed = [filters.parse_filter(text) for text in record.scan.filters or ()]
    materials = dict.fromkeys(f.material for f in parsed if f.material)
    return [
        *(("filters", f.text) for f in parsed),
        *(("filter_material", material) for material in materials),
    ]
