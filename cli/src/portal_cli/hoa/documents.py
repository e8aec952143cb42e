"""Maps HOA records to documents: one per organ of a donor, and one per proposal."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time
from typing import Any

from portal_shared.contracts.jobs import DocumentIn
from portal_shared.profile import Profile

from portal_cli.hoa import atlas_document, details, donors, labels, parameters, people, registration
from portal_cli.hoa.atlas import Atlas
from portal_cli.hoa.record import Record
from portal_cli.hoa.source import PACKAGE, Entry

METHOD = "hierarchical phase-contrast tomography (HiP-CT)"


def publication(
    name: str, entries: Sequence[Entry], atlas: Atlas, *, profile: Profile, release: str
) -> DocumentIn:
    records = [e.record for e in entries]
    first = records[0]
    organ = labels.organ(first.sample.organ)
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
        members=people.merge_members([people.members(r.citation.contributors) for r in records]),
        parameters=_parameters(first, records, profile),
        related=atlas_document.papers(),
        details=_details(entries, release),
    )


def _instant(day: Any) -> datetime:
    return datetime.combine(day, time(), UTC)


def _contexts(records: Iterable[Record]) -> list[str]:
    found = dict.fromkeys(r.sample.organ_context for r in records if r.sample.organ_context)
    return sorted(found, key=labels.natural_key)


def _keywords(records: Sequence[Record], organ: str) -> tuple[str, ...]:
    found = [
        organ,
        *(labels.words(c) for c in _contexts(records)),
        "HiP-CT",
        *donors.describe_donor(records[0].donor).pathology,
        records[0].donor.id,
    ]
    return tuple(dict.fromkeys(found))


def _parameters(first: Record, records: Sequence[Record], profile: Profile) -> Any:
    facts = donors.describe_donor(first.donor)
    values: list[parameters.NameAndValue] = [
        ("donor", first.donor.id),
        ("donor_age", facts.age),
        ("donor_age_group", facts.age_band),
        ("donor_sex", first.donor.sex),
        ("organ", first.sample.organ),
        *(("organ_context", c) for c in _contexts(records)),
        *(("pathology", tag) for tag in facts.pathology),
        *(("proposal", p) for p in dict.fromkeys(r.proposal.proposal_number for r in records)),
    ]
    return parameters.with_units(values, profile)


def summary(records: Sequence[Record], atlas: Atlas) -> str:
    """Describes the organ for readers: sides, regions, voxel sizes and counts."""
    overviews = [r for r in records if r.dataset_type == "overview"]
    zooms = [r for r in records if r.dataset_type == "zoom"]
    parts = sorted({r.sample.organ_context or "" for r in records}, key=labels.natural_key)
    what = labels.join_words([labels.specimen(records[0].sample.organ, p or None) for p in parts])
    lines = sorted({r.scan.beamline for r in records})
    days = sorted({r.scan.date.isoformat() for r in records})
    when = f"on {days[0]}" if len(days) == 1 else f"between {days[0]} and {days[-1]}"
    opening = f"{what[0].upper()}{what[1:]} of donor {records[0].donor.id}, imaged by {METHOD}"
    text = [f"{opening} at the ESRF ({labels.join_words(lines)}) {when}."]
    if overviews:
        size = labels.sizes(r.data.voxel_size_um for r in overviews)
        text.append(f"{_counted(overviews, 'overview')} with voxels of {size}.")
    if zooms:
        size = labels.sizes(r.data.voxel_size_um for r in zooms)
        regions = ", ".join(sorted({r.voi for r in zooms}, key=labels.natural_key))
        placed = sum(
            registration.registration_state(r, atlas) == registration.REGISTERED for r in zooms
        )
        text.append(
            f"{_counted(zooms, 'zoom')} with voxels of {size} (regions: {regions}), "
            f"{placed or 'none'} registered to an overview."
        )
    return " ".join(text)


def _counted(records: Sequence[Record], noun: str) -> str:
    return labels.count_noun(len(records), noun)


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
    """Returns the document of a proposal. It refers to datasets that other jobs register."""
    records = [
        e.record for e in atlas.entries.values() if e.record.proposal.proposal_number == number
    ]
    given = records[0].proposal
    organs = sorted({labels.organ(r.sample.organ) for r in records})
    donor_count = len({r.donor.id for r in records})
    return DocumentIn(
        name=f"proposal-{number}",
        pid=f"proposal-{number}",
        title=given.title,
        type="proposal",
        summary=(
            f"Proposal {number} at the ESRF: "
            f"{labels.count_noun(len(records), 'HiP-CT dataset')} of "
            f"{labels.count_noun(donor_count, 'donor')} ({labels.join_words(organs)})."
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
