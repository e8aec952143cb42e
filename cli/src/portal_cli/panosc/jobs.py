"""Builds the jobs of a corpus: one for all instruments, one per document, some for orphans."""

from dataclasses import dataclass, field
from typing import Any

from portal_shared.contracts.jobs import DatasetIn, InstrumentIn
from portal_shared.runtime.errors import Invalid

from portal_cli.panosc import corpus
from portal_cli.panosc.rows import Findings, Remark
from portal_cli.submission.message import JobMessage, build_message

PROFILE = "panosc"
SENDER = "portal import panosc"
ORPHANS_PER_JOB = 100


@dataclass
class CorpusJobs:
    """The jobs of the valid records, and what is wrong with the others."""

    jobs: list[JobMessage] = field(default_factory=list[JobMessage])
    findings: Findings = field(default_factory=Findings)


@dataclass
class CorpusIndex:
    """The records of the corpus so far, with their places. The same pid is the same record."""

    findings: Findings
    datasets: dict[str, tuple[dict[str, Any], str]] = field(
        default_factory=dict[str, tuple[dict[str, Any], str]]
    )
    instruments: dict[str, tuple[InstrumentIn, str]] = field(
        default_factory=dict[str, tuple[InstrumentIn, str]]
    )
    documents: dict[str, str] = field(default_factory=dict[str, str])

    def add_instrument(self, found: InstrumentIn, place: str) -> bool:
        before, where = self.instruments.setdefault(found.pid, (found, place))
        if before != found:
            self.refuse(place, f"{found.pid!r} differs from the record in {where}")
        return before == found

    def add_dataset(self, raw: dict[str, Any], place: str) -> DatasetIn | None:
        """Returns the dataset; None if it is refused or was added before."""
        if self.datasets.get(str(raw.get("pid")), (None,))[0] == raw:
            return None
        found = corpus.dataset(raw, place, self.findings)
        if found is None or found.pid is None:
            return None
        if found.instrument and not self.add_instrument(found.instrument, f"{place}.instrument"):
            return None
        if found.pid not in self.datasets:
            self.datasets[found.pid] = (raw, place)
            return found
        before, where = self.datasets[found.pid]
        if before != raw:
            self.refuse(place, f"{found.pid!r} differs from the record in {where}")
        return None

    def refuse(self, place: str, reason: str) -> None:
        self.findings.problems.append(Remark(place, reason))


def corpus_jobs(text: bytes) -> CorpusJobs:
    """Returns jobs of instruments, then documents, then orphans.

    A record with a problem is left out; it never stops the others. Raises Invalid if the text is
    not a corpus.
    """
    found = CorpusJobs()
    given = corpus.parse_corpus(text, found.findings)
    index = CorpusIndex(found.findings)
    for raw, place in corpus.rows(given.get("instruments"), "instruments", found.findings):
        instrument = corpus.instrument(raw, place, found.findings)
        if instrument is not None:
            index.add_instrument(instrument, place)
    for raw, place in corpus.rows(given.get("documents"), "documents", found.findings):
        found.jobs += _document_job(raw, place, index)
    found.jobs += _orphan_jobs(given, index)
    if index.instruments:
        instruments = tuple(instrument for instrument, _ in index.instruments.values())
        found.jobs = [*_message(index, "instruments", instruments=instruments), *found.jobs]
    return found


def _document_job(raw: dict[str, Any], place: str, index: CorpusIndex) -> list[JobMessage]:
    """Returns the job of a document with its datasets; none if the document is refused."""
    document = corpus.document(raw, place, index.findings)
    before = index.documents.setdefault(document.pid, place) if document and document.pid else None
    if document is not None and before != place:
        index.refuse(f"{place}.pid", f"{document.pid!r} is already the pid of {before}")
    new: list[DatasetIn] = []
    others: dict[str, None] = {}  # datasets that the job of another document registers
    places: set[str] = set()
    for inner, where in corpus.rows(raw.get("datasets"), f"{place}.datasets", index.findings):
        pid = str(inner.get("pid"))
        if pid in places:
            index.refuse(where, f"{pid!r} is in this document twice")
            continue
        places.add(pid)
        if document is None or before != place:
            index.refuse(where, "its document was refused")
            continue
        dataset = index.add_dataset(inner, where)
        if dataset is not None:
            new.append(dataset)
        elif index.datasets.get(pid, (None,))[0] == inner:
            others[pid] = None
    if document is None or before != place:
        return []
    if others:
        document = document.model_copy(update={"other_datasets": tuple(others)})
    label = document.pid or document.name
    return _message(index, label, place, document=document, datasets=tuple(new))


def _orphan_jobs(given: dict[str, Any], index: CorpusIndex) -> list[JobMessage]:
    rows = corpus.rows(given.get("orphan_datasets"), "orphan_datasets", index.findings)
    datasets = [dataset for raw, place in rows if (dataset := index.add_dataset(raw, place))]
    return [
        job
        for start in range(0, len(datasets), ORPHANS_PER_JOB)
        for job in _message(
            index, f"orphans-{start}", datasets=tuple(datasets[start : start + ORPHANS_PER_JOB])
        )
    ]


def _message(index: CorpusIndex, label: str, place: str = "", **parts: Any) -> list[JobMessage]:
    """Returns the job; none, with a problem, if it is too large."""
    try:
        return [build_message("panosc", label, profile=PROFILE, sender=SENDER, **parts)]
    except Invalid as error:
        index.refuse(place or label, error.reason)
        return []
