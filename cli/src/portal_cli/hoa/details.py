"""Builds the `details` of a dataset: the HOA record in its own structure, with added fields."""

from typing import Any

from portal_cli.hoa import donors, filters, labels, registration
from portal_cli.hoa.atlas import Atlas
from portal_cli.hoa.record import Record
from portal_cli.hoa.source import PACKAGE, Entry

ESTIMATE = "estimate: voxels x 2 bytes of the reconstructed volume, not the bytes of these files"
PIXEL_TOLERANCE = 0.01  # relative to the voxel size


def dataset_details(entry: Entry, atlas: Atlas, release: str) -> dict[str, Any]:
    """Returns the publishable metadata file; the added fields have other names."""
    record = entry.record
    content = entry.content
    placed = registration.registration_details(record, atlas)
    x, y, z = record.data.shape
    size = record.data.voxel_size_um
    return {
        **content,
        "donor": donor(entry),
        "registration": {**(content.get("registration") or {}), **placed} if placed else None,
        "display_title": labels.title(record),
        "voi_key": labels.voi_key(record.voi),
        "physical_size_mm": [round(n * size / 1000, 3) for n in (x, y, z)],
        "raw_size_estimate": {"bytes": record.raw_bytes, "note": ESTIMATE},
        "filters": [
            {"text": f.text, "material": f.material, "thickness_mm": f.thickness_mm}
            for f in map(filters.parse_filter, record.scan.filters or ())
        ],
        "warnings": warnings(record, atlas),
        "source": {"package": PACKAGE, "version": release},
    }


def donor(entry: Entry) -> dict[str, Any]:
    """Returns the published fields of the donor; an age in words becomes an age group."""
    facts = donors.describe_donor(entry.record.donor)
    return {
        **entry.content["donor"],
        "age": facts.age,
        "age_group": facts.age_group,
        "cause_of_death": facts.cause_of_death,
        "explant": facts.explant,
        "pathology": list(facts.pathology),
    }


def warnings(record: Record, atlas: Atlas) -> list[str]:
    """Returns remarks for readers on inconsistent or missing values."""
    found: list[str] = []
    if record.citation.doi is None:
        found.append("DOI pending: the Atlas has none yet")
    suffix = record.name.rsplit("_", 1)[-1].lower()
    beamline = record.scan.beamline
    if suffix.startswith("bm") and suffix != beamline.lower():
        found.append(f"the name says {suffix}, the scan {beamline}: the scan is right")
    voxel, pixel = record.data.voxel_size_um, record.scan.pixel_size
    if pixel is not None and abs(pixel / voxel - 1) > PIXEL_TOLERANCE:
        found.append(
            f"scanned with pixels of {pixel:g} um, reconstructed with voxels of {voxel:g} um"
        )
    facts = donors.describe_donor(record.donor)
    if facts.explant and facts.age is not None:
        found.append("the organ was explanted: the age of the donor is not that at death")
    return found + registration.registration_warnings(record, atlas)
