"""What is cited as a whole: one donor's one organ; and the proposals it was scanned for. Pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time
from typing import Any

from portal_shared.contracts.jobs import DocumentIn
from portal_shared.profile import Profile

from portal_cli.hoa import details, donors, parameters, people, registration, whole, wording
from portal_cli.hoa.atlas import Atlas
from portal_cli.hoa.record import Record
from portal_cli.hoa.source import PACKAGE, Entry

METHOD = "hierarchical phase-contrast tomography (HiP-CT)"


def publication(
    name: str, entries: Sequence[Entry], atlas: Atlas, *, profile: Profile, release: str
) -> DocumentIn:
    records = [e.record for e in entries]
    first = records[0]
    organ = wording.organ(first.sample.organ)
    return DocumentIn(
        name=name,
        pid=name,
        title=f"{organ[0].upper()}{organ[1:]} of donor {first.donor.id} (HiP-CT)",
        type="publication",
        summary=summary(records, atlas),
        start_date=_instant(min(r.scan.date for r in records)),
        end_date=_instant(max(r.scan.date for r in records)),
        license=profile.license,
        keywords=_keywords(records, organ),
        members=people.union([people.members(r.citation.contributors) for r in records]),
        parameters=_parameters(first, records, profile),
        related=whole.papers(),
        details=_details(entries, release),
    )


def _instant(day: Any) -> datetime:
    return datetime.combine(day, time(), UTC)


def _contexts(records: Iterable[Record]) -> list[str]:
    found = dict.fromkeys(r.sample.organ_context for r in records if r.sample.organ_context)
    return sorted(found, key=wording.natural)


def _keywords(records: Sequence[Record], organ: str) -> tuple[str, ...]:
    found = [
        organ,
        *(wording.words(c) for c in _contexts(records)),
        "HiP-CT",
        *donors.told(records[0].donor).pathology,
        records[0].donor.id,
    ]
    return tuple(dict.fromkeys(found))


def _parameters(first: Record, records: Sequence[Record], profile: Profile) -> Any:
    told = donors.told(first.donor)
    named: list[parameters.Named] = [
        ("donor", first.donor.id),
        ("donor_age", told.age),
        ("donor_age_group", told.age_band),
        ("donor_sex", first.donor.sex),
        ("organ", first.sample.organ),
        *(("organ_context", c) for c in _contexts(records)),
        *(("pathology", tag) for tag in told.pathology),
        *(("proposal", p) for p in dict.fromkeys(r.proposal.proposal_number for r in records)),
    ]
    return parameters.with_units(named, profile)


def summary(records: Sequence[Record], atlas: Atlas) -> str:
    """Sides, regions, voxel sizes and counts, as a reader would want them told."""
    overviews = [r for r in records if r.dataset_type == "overview"]
    zooms = [r for r in records if r.dataset_type == "zoom"]
    parts = sorted({r.sample.organ_context or "" for r in records}, key=wording.natural)
    what = wording.enumerated([wording.specimen(records[0].sample.organ, p or None) for p in parts])
    lines = sorted({r.scan.beamline for r in records})
    days = sorted({r.scan.date.isoformat() for r in records})
    when = f"on {days[0]}" if len(days) == 1 else f"between {days[0]} and {days[-1]}"
    opening = f"{what[0].upper()}{what[1:]} of donor {records[0].donor.id}, imaged by {METHOD}"
    text = [f"{opening} at the ESRF ({wording.enumerated(lines)}) {when}."]
    if overviews:
        size = wording.sizes(r.data.voxel_size_um for r in overviews)
        text.append(f"{_counted(overviews, 'overview')} with voxels of {size}.")
    if zooms:
        size = wording.sizes(r.data.voxel_size_um for r in zooms)
        regions = ", ".join(sorted({r.voi for r in zooms}, key=wording.natural))
        placed = sum(registration.state(r, atlas) == registration.REGISTERED for r in zooms)
        text.append(
            f"{_counted(zooms, 'zoom')} with voxels of {size} (regions: {regions}), "
            f"{placed or 'none'} registered to an overview."
        )
    return " ".join(text)


def _counted(records: Sequence[Record], noun: str) -> str:
    return wording.counted(len(records), noun)


def _details(entries: Sequence[Entry], release: str) -> dict[str, Any]:
    records = [e.record for e in entries]
    return {
        "donor": details.donor(entries[0]),
        "organ": records[0].sample.organ,
        "organ_contexts": _contexts(records),
        "datasets": len(records),
        "overviews": sum(r.dataset_type == "overview" for r in records),
        "zooms": sum(r.dataset_type == "zoom" for r in records),
        "voxel_sizes_um": sorted({r.data.voxel_size_um for r in records}),
        "raw_size_estimate": {"bytes": sum(r.raw_bytes for r in records), "note": details.ESTIMATE},
        "source": {"package": PACKAGE, "version": release},
    }


def proposal(number: str, atlas: Atlas, *, profile: Profile, release: str) -> DocumentIn:
    """Its datasets are registered with their organs; it names them."""
    records = [
        e.record for e in atlas.entries.values() if e.record.proposal.proposal_number == number
    ]
    given = records[0].proposal
    organs = sorted({wording.organ(r.sample.organ) for r in records})
    donor_count = len({r.donor.id for r in records})
    return DocumentIn(
        name=f"proposal-{number}",
        pid=f"proposal-{number}",
        title=given.title,
        type="proposal",
        summary=(
            f"Proposal {number} at the ESRF: {wording.counted(len(records), 'HiP-CT dataset')} of "
            f"{wording.counted(donor_count, 'donor')} ({wording.enumerated(organs)})."
        ),
        start_date=_instant(min(r.scan.date for r in records)),
        end_date=_instant(max(r.scan.date for r in records)),
        license=profile.license,
        keywords=(number, "HiP-CT", *organs),
        members=people.proposers(given.proposers, atlas.persons),
        parameters=parameters.with_units([("proposal", number)], profile),
        other_datasets=tuple(r.name for r in records),
        details={"source": {"package": PACKAGE, "version": release}, "datasets": len(records)},
    )
