"""Maps one HOA volume to a dataset of a job."""

from collections.abc import Sequence
from datetime import UTC, datetime, time

from portal_shared.contracts.jobs import DatasetIn, FileIn, InstrumentIn, TechniqueIn
from portal_shared.profile import Profile

from portal_cli.hoa import atlas_document, details, donors, labels, parameters, people
from portal_cli.hoa.atlas import Atlas, build_sample
from portal_cli.hoa.record import Record
from portal_cli.hoa.source import Entry

TECHNIQUE = "http://purl.org/pan-science/PaNET/PaNET01333"
TIMES = "\u00d7"
FOLDER = "hoa"  # of all datasets, below the intake root


def build_dataset(
    entry: Entry, atlas: Atlas, *, profile: Profile, release: str, files: Sequence[FileIn] = ()
) -> DatasetIn:
    """Returns the dataset. Its pid is its name, not its DOI: some share a DOI, some have none."""
    record = entry.record
    return DatasetIn(
        name=record.name,
        pid=record.name,
        title=record.citation.title,
        is_public=True,
        created=datetime.combine(record.scan.date, time(), UTC),
        proposal=record.proposal.proposal_number,
        doi=record.citation.doi,
        license=profile.license,
        instrument=instrument(record, profile),
        techniques=(technique(profile),),
        samples=(build_sample(atlas.specimens[record.specimen]),),
        parameters=parameters.dataset_parameters(record, atlas, profile),
        summary=summary(record),
        members=people.members(record.citation.contributors),
        related=atlas_document.papers(),
        relations=tuple(atlas_document.derivation(record, atlas)),
        keywords=keywords(record),
        folder=folder(record.name) if files else None,
        files=tuple(files),
        details=details.dataset_details(entry, atlas, release),
    )


def summary(record: Record) -> str:
    """Describes the volume in one sentence."""
    x, y, z = record.data.shape
    sides = f" {TIMES} ".join(f"{n * record.data.voxel_size_um / 1000:.3g}" for n in (x, y, z))
    voxels = f" {TIMES} ".join(str(n) for n in (x, y, z))
    return (
        f"{labels.title(record)}: a volume of {voxels} voxels ({sides} mm), imaged by "
        "hierarchical phase-contrast tomography (HiP-CT)."
    )


def folder(name: str) -> str:
    return f"{FOLDER}/{name}"


def instrument(record: Record, profile: Profile) -> InstrumentIn:
    beamline = record.scan.beamline
    return InstrumentIn(
        pid=f"{profile.facility}-{beamline}", name=beamline, facility=profile.facility
    )


def technique(profile: Profile) -> TechniqueIn:
    label = profile.techniques[TECHNIQUE].label
    return TechniqueIn(pid=TECHNIQUE, name=label, panet_id=TECHNIQUE.rsplit("/", 1)[-1])


def keywords(record: Record) -> tuple[str, ...]:
    """Returns organ, side, method, pathology, donor, and the region in both spellings."""
    context = record.sample.organ_context
    key = labels.voi_key(record.voi)
    spellings = [record.voi] if key == record.voi.lower() else [record.voi, key.upper()]
    found = [
        labels.organ(record.sample.organ),
        labels.words(context) if context else "",
        "HiP-CT",
        *donors.describe_donor(record.donor).pathology,
        record.donor.id,
        *spellings,
    ]
    return tuple(dict.fromkeys(k for k in found if k))
