"""A corpus as jobs: one per document, one of all instruments, the orphans together. Pure."""

from dataclasses import dataclass, field
from typing import Any

from portal_shared.contracts.jobs import DatasetIn, InstrumentIn
from portal_shared.runtime.errors import Invalid

from portal_cli.panosc import corpus
from portal_cli.submission.message import Outgoing, outgoing

PROFILE = "panosc"
SENDER = "portal import panosc"
ORPHANS_PER_JOB = 100


@dataclass
class Seen:
    """What the corpus has told so far, and where: the same pid is the same record."""

    datasets: dict[str, tuple[dict[str, Any], str]] = field(
        default_factory=dict[str, tuple[dict[str, Any], str]]
    )
    instruments: dict[str, tuple[InstrumentIn, str]] = field(
        default_factory=dict[str, tuple[InstrumentIn, str]]
    )
    documents: dict[str, str] = field(default_factory=dict[str, str])

    def instrument(self, found: InstrumentIn, place: str) -> None:
        before, where = self.instruments.setdefault(found.pid, (found, place))
        if before != found:
            raise Invalid(f"{found.pid!r} is told differently in {where}", field=place)

    def dataset(self, raw: dict[str, Any], place: str) -> DatasetIn | None:
        """The dataset; None when it was told before, in the same words."""
        found = corpus.dataset(raw, place)
        if found.instrument is not None:
            self.instrument(found.instrument, f"{place}.instrument")
        assert found.pid is not None  # noqa: S101  # required of a corpus
        if found.pid not in self.datasets:
            self.datasets[found.pid] = (raw, place)
            return found
        before, where = self.datasets[found.pid]
        if before != raw:
            raise Invalid(f"{found.pid!r} is told differently in {where}", field=place)
        return None


def jobs(text: bytes) -> list[Outgoing]:
    """Instruments first, then documents, then orphans. Raises Invalid with the place."""
    given = corpus.parsed(text)
    seen = Seen()
    for raw, place in corpus.rows(given.get("instruments"), "instruments"):
        seen.instrument(corpus.instrument(raw, place), place)
    found = [
        _document(raw, place, seen)
        for raw, place in corpus.rows(given.get("documents"), "documents")
    ]
    found += _orphans(given, seen)
    if seen.instruments:
        every = tuple(instrument for instrument, _ in seen.instruments.values())
        found.insert(0, _outgoing("instruments", instruments=every))
    return found


def _document(raw: dict[str, Any], place: str, seen: Seen) -> Outgoing:
    first: list[DatasetIn] = []
    others: dict[str, None] = {}  # those that another document has already
    for inner, where in corpus.rows(raw.get("datasets"), f"{place}.datasets"):
        dataset = seen.dataset(inner, where)
        if dataset is not None:
            first.append(dataset)
        elif inner["pid"] in others or any(d.pid == inner["pid"] for d in first):
            raise Invalid(f"{inner['pid']!r} stands twice in this document", field=where)
        else:
            others[inner["pid"]] = None
    document = corpus.document(raw, place, other_datasets=tuple(others))
    assert document.pid is not None  # noqa: S101  # required of a corpus
    before = seen.documents.setdefault(document.pid, place)
    if before != place:
        raise Invalid(f"{document.pid!r} stands in {before} already", field=f"{place}.pid")
    return _outgoing(document.pid, document=document, datasets=tuple(first))


def _orphans(given: dict[str, Any], seen: Seen) -> list[Outgoing]:
    rows = corpus.rows(given.get("orphan_datasets"), "orphan_datasets")
    told = [dataset for raw, place in rows if (dataset := seen.dataset(raw, place))]
    return [
        _outgoing(f"orphans-{start}", datasets=tuple(told[start : start + ORPHANS_PER_JOB]))
        for start in range(0, len(told), ORPHANS_PER_JOB)
    ]


def _outgoing(label: str, **parts: Any) -> Outgoing:
    return outgoing("panosc", label, profile=PROFILE, sender=SENDER, **parts)
