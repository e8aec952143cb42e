"""All records together: what is told of one depends on its neighbours. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from portal_shared.contracts.jobs import PersonIn, SampleIn

from portal_cli.hoa import people, wording
from portal_cli.hoa.record import Record
from portal_cli.hoa.source import Entry


@dataclass(frozen=True)
class Atlas:
    """The records by name, by specimen and by document, each in a settled order."""

    entries: dict[str, Entry]
    specimens: dict[str, list[Entry]]
    documents: dict[str, list[Entry]]
    persons: dict[str, PersonIn]

    def overview_of(self, record: Record) -> Record | None:
        """The overview a zoom is registered to, if it is public."""
        target = record.registration.target_dataset if record.registration else None
        found = self.entries.get(target) if target else None
        return found.record if found else None

    def neighbours(self, record: Record) -> list[str]:
        """Overviews of the same specimen, of the same beamline first."""
        found = [
            e.record
            for e in self.specimens[record.specimen]
            if e.record.dataset_type == "overview" and e.record.name != record.name
        ]
        found.sort(key=lambda o: (o.scan.beamline != record.scan.beamline, o.name))
        return [o.name for o in found]


def atlas(entries: Iterable[Entry]) -> Atlas:
    ordered = sorted(entries, key=_rank)
    return Atlas(
        entries={e.record.name: e for e in ordered},
        specimens=_grouped(ordered, lambda r: r.specimen),
        documents=_grouped(ordered, lambda r: r.document),
        persons=people.index(c for e in ordered for c in e.record.citation.contributors),
    )


def _rank(entry: Entry) -> tuple[object, ...]:
    """By document; there overviews first, then by specimen, region and size."""
    r = entry.record
    return (
        wording.natural(r.document),
        r.dataset_type != "overview",
        wording.natural(r.specimen),
        wording.natural(wording.voi_key(r.voi)),
        -r.data.voxel_size_um,
        r.name,
    )


def _grouped(entries: Sequence[Entry], key: Callable[[Record], str]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(key(entry.record), []).append(entry)
    return found


def sample(entries: Sequence[Entry]) -> SampleIn:
    """The specimen of these datasets, with what any of them records of its preparation."""
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
    told = [phrase + value for phrase, value in phrases if value]
    of = wording.specimen(first.sample.organ, first.sample.organ_context)
    what = f"{of[0].upper()}{of[1:]} of donor {first.donor.id}"
    preparation = f": {', '.join(told)}." if told else "; its preparation is not recorded."
    return SampleIn(pid=first.specimen, name=first.specimen, description=what + preparation)


def _solvent(record: Record) -> str | None:
    sample = record.sample
    if sample.scan_solvent is None or sample.scan_solvent_concentration is None:
        return sample.scan_solvent
    return f"{sample.scan_solvent} {sample.scan_solvent_concentration:g} %"
