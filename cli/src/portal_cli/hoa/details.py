"""A record in the Atlas's own structure, with what the importer found added to it. Pure."""

from typing import Any

from portal_cli.hoa import donors, filters, registration, wording
from portal_cli.hoa.atlas import Atlas
from portal_cli.hoa.record import Record
from portal_cli.hoa.source import PACKAGE, Entry

ESTIMATE = "estimate: voxels x 2 bytes of the reconstructed volume, not the bytes of these files"
NOTABLE = 0.01  # of the voxel size


def of_dataset(entry: Entry, atlas: Atlas, release: str) -> dict[str, Any]:
    """The metadata file as it may be shown; what is ours stands beside it, under other names."""
    record = entry.record
    content = entry.content
    placed = registration.described(record, atlas)
    x, y, z = record.data.shape
    size = record.data.voxel_size_um
    return {
        **content,
        "donor": donor(entry),
        "registration": {**(content.get("registration") or {}), **placed} if placed else None,
        "display_title": wording.title(record),
        "voi_key": wording.voi_key(record.voi),
        "physical_size_mm": [round(n * size / 1000, 3) for n in (x, y, z)],
        "raw_size_estimate": {"bytes": record.raw_bytes, "note": ESTIMATE},
        "filters": [
            {"text": f.text, "material": f.material, "thickness_mm": f.thickness_mm}
            for f in map(filters.parsed, record.scan.filters or ())
        ],
        "warnings": warnings(record, atlas),
        "source": {"package": PACKAGE, "version": release},
    }


def donor(entry: Entry) -> dict[str, Any]:
    """The donor's published fields; an age that is no number becomes an age group."""
    told = donors.told(entry.record.donor)
    return {
        **entry.content["donor"],
        "age": told.age,
        "age_group": told.age_group,
        "cause_of_death": told.cause_of_death,
        "explant": told.explant,
        "pathology": list(told.pathology),
    }


def warnings(record: Record, atlas: Atlas) -> list[str]:
    """What a reader should know that the fields alone do not tell."""
    found: list[str] = []
    if record.citation.doi is None:
        found.append("DOI pending: the Atlas has none yet")
    named = record.name.rsplit("_", 1)[-1].lower()
    beamline = record.scan.beamline
    if named.startswith("bm") and named != beamline.lower():
        found.append(f"the name says {named}, the scan {beamline}: the scan is right")
    voxel, pixel = record.data.voxel_size_um, record.scan.pixel_size
    if pixel is not None and abs(pixel / voxel - 1) > NOTABLE:
        found.append(
            f"scanned with pixels of {pixel:g} um, reconstructed with voxels of {voxel:g} um"
        )
    told = donors.told(record.donor)
    if told.explant and told.age is not None:
        found.append("the organ was explanted: the age of the donor is not that at death")
    return found + registration.warnings(record, atlas)
