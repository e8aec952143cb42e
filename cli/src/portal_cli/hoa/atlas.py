"""Index of all HOA records by name, specimen and document: records refer to each other."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from portal_shared.contracts.jobs import PersonIn, SampleIn

from portal_cli.hoa import labels, people
from portal_cli.hoa.record import Record
from portal_cli.hoa.source import Entry


@dataclass(frozen=True)
class Atlas:
    """The records by name, specimen and document, in a fixed order; and the persons by name."""

    entries: dict[str, Entry]
    specimens: dict[str, list[Entry]]
    documents: dict[str, list[Entry]]
    persons: dict[str, PersonIn]

    def overview_of(self, record: Record) -> Record | None:
        """Returns the public overview to which a zoom is registered, or None."""
        target = record.registration.target_dataset if record.registration else None
        found = self.entries.get(target) if target else None
        return found.record if found else None

    def neighbours(self, record: Record) -> list[str]:
        """Returns the names of the overviews of the same specimen, same beamline first."""
        found = [
            e.record
            for e in self.specimens[record.specimen]
            if e.record.dataset_type == "overview" and e.record.name != record.name
        ]
        found.sort(key=lambda o: (o.scan.beamline != record.scan.beamline, o.name))
        return [o.name for o in found]


def build_atlas(entries: Iterable[Entry]) -> Atlas:
    ordered = sorted(entries, key=_sort_key)
    return Atlas(
        entries={e.record.name: e for e in ordered},
        specimens=_group_by(ordered, lambda r: r.specimen),
        documents=_group_by(ordered, lambda r: r.document),
        persons=people.index_by_name(c for e in ordered for c in e.record.citation.contributors),
    )


def _sort_key(entry: Entry) -> tuple[object, ...]:
    """Sorts by document, overviews first, then by specimen, region and voxel size."""
    r = entry.record
    return (
        labels.natural_key(r.document),
        r.dataset_type != "overview",
        labels.natural_key(r.specimen),
        labels.natural_key(labels.voi_key(r.voi)),
        -r.data.voxel_size_um,
        r.name,
    )


def _group_by(entries: Sequence[Entry], key: Callable[[Record], str]) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(key(entry.record), []).append(entry)
    return groups


def build_sample(entries: Sequence[Entry]) -> SampleIn:
    """Returns the specimen of these datasets, with all records of its preparation."""
    first = entries[0].record
    parts = [e.record.sample for e in entries]

    def recorded(values: Iterable[str | None]) -> str:
        return " or ".join(dict.fromkeys(v for v in values if v))

    method = recorded(p.fixation_method for p in parts)
    phrases = (
        ("fixed in ", recorded(p.fixation_medium for p in parts)),
        ("fixed by ", method),
        ("degassed by ", recorded(p.degassing_method for p in parts)),
        ("held in ", recorded(p.stabilisation_medium for p in parts)),
        ("scanned in ", recorded(_solvent(e.record) for e in entries)),
    )
    steps = [phrase + value for phrase, value in phrases if value]
    specimen = labels.specimen(first.sample.organ, first.sample.organ_context)
    title = f"{specimen[0].upper()}{specimen[1:]} of donor {first.donor.id}"
    preparation = f": {', '.join(steps)}." if steps else "; its preparation is not recorded."
    return SampleIn(pid=first.specimen, name=first.specimen, description=title + preparation)


def _solvent(record: Record) -> str | None:
    sample = record.sample
    if sample.scan_solvent is None or sample.scan_solvent_concentration is None:
        return sample.scan_solvent
    return f"{sample.scan_solvent} {sample.scan_solvent_concentration:g} %"
