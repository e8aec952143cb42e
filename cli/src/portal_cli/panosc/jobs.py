"""Builds the jobs of a corpus: one for all instruments, one per document, some for orphans."""

from dataclasses import dataclass, field
from typing import Any

from portal_shared.contracts.jobs import DatasetIn, InstrumentIn
from portal_shared.runtime.errors import Invalid

from portal_cli.panosc import corpus
from portal_cli.submission.message import JobMessage, build_message

PROFILE = "panosc"
SENDER = "portal import panosc"
ORPHANS_PER_JOB = 100


@dataclass
class CorpusIndex:
    """The records of the corpus so far, with their places. The same pid is the same record."""

    datasets: dict[str, tuple[dict[str, Any], str]] = field(
        default_factory=dict[str, tuple[dict[str, Any], str]]
    )
    instruments: dict[str, tuple[InstrumentIn, str]] = field(
        default_factory=dict[str, tuple[InstrumentIn, str]]
    )
    documents: dict[str, str] = field(default_factory=dict[str, str])

    def add_instrument(self, found: InstrumentIn, place: str) -> None:
        before, where = self.instruments.setdefault(found.pid, (found, place))
        if before != found:
            raise Invalid(f"{found.pid!r} differs from the record in {where}", field=place)

    def add_dataset(self, raw: dict[str, Any], place: str) -> DatasetIn | None:
        """Returns the dataset; None if the same record was added before."""
        found = corpus.dataset(raw, place)
        if found.instrument is not None:
            self.add_instrument(found.instrument, f"{place}.instrument")
        assert found.pid is not None  # noqa: S101  # required in a corpus
        if found.pid not in self.datasets:
            self.datasets[found.pid] = (raw, place)
            return found
        before, where = self.datasets[found.pid]
        if before != raw:
            raise Invalid(f"{found.pid!r} differs from the record in {where}", field=place)
        return None


def corpus_jobs(text: bytes) -> list[JobMessage]:
    """Returns jobs of instruments, then documents, then orphans. Raises Invalid with the place."""
    given = corpus.parse_corpus(text)
    index = CorpusIndex()
    for raw, place in corpus.rows(given.get("instruments"), "instruments"):
        index.add_instrument(corpus.instrument(raw, place), place)
    jobs = [
        _document_job(raw, place, index)
        for raw, place in corpus.rows(given.get("documents"), "documents")
    ]
    jobs += _orphan_jobs(given, index)
    if index.instruments:
        instruments = tuple(instrument for instrument, _ in index.instruments.values())
        jobs.insert(0, _message("instruments", instruments=instruments))
    return jobs


def _document_job(raw: dict[str, Any], place: str, index: CorpusIndex) -> JobMessage:
    new: list[DatasetIn] = []
    others: dict[str, None] = {}  # datasets that the job of another document registers
    for inner, where in corpus.rows(raw.get("datasets"), f"{place}.datasets"):
        dataset = index.add_dataset(inner, where)
        if dataset is not None:
            new.append(dataset)
        elif inner["pid"] in others or any(d.pid == inner["pid"] for d in new):
            raise Invalid(f"{inner['pid']!r} is in this document twice", field=where)
        else:
            others[inner["pid"]] = None
    document = corpus.document(raw, place, other_datasets=tuple(others))
    assert document.pid is not None  # noqa: S101  # required in a corpus
    before = index.documents.setdefault(document.pid, place)
    if before != place:
        raise Invalid(f"{document.pid!r} is already the pid of {before}", field=f"{place}.pid")
    return _message(document.pid, document=document, datasets=tuple(new))


def _orphan_jobs(given: dict[str, Any], index: CorpusIndex) -> list[JobMessage]:
    rows = corpus.rows(given.get("orphan_datasets"), "orphan_datasets")
    datasets = [dataset for raw, place in rows if (dataset := index.add_dataset(raw, place))]
    return [
        _message(f"orphans-{start}", datasets=tuple(datasets[start : start + ORPHANS_PER_JOB]))
        for start in range(0, len(datasets), ORPHANS_PER_JOB)
    ]


def _message(label: str, **parts: Any) -> JobMessage:
    return build_message("panosc", label, profile=PROFILE, sender=SENDER, **parts)
