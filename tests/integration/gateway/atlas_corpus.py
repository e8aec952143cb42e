"""The published metadata of the Human Organ Atlas, as events that ingest would publish."""

from portal_cli.hoa import jobs
from portal_cli.hoa.atlas import build_atlas
from portal_cli.hoa.source import read_installed
from portal_ingest.domain import mapping
from portal_shared.contracts.events import DatasetRegistered, DocumentRegistered, Event
from portal_shared.contracts.jobs import DatasetIn, DocumentIn, Job
from portal_shared.contracts.records import Dataset, Document, FileSummary

PROFILE = "human-organs"


def events() -> list[Event]:
    """The Atlas as ingest would register it: datasets, documents of organs and proposals."""
    published = build_atlas(read_installed().entries)
    names = jobs.select_documents(published)
    found: list[Event] = []
    organs = jobs.publication_jobs(published, names, release="t", files={})
    for one in [*organs, *jobs.proposal_jobs(published, release="t")]:
        given = Job.model_validate_json(one.body)
        assert given.document is not None
        datasets = [dataset(d, given.document.name) for d in given.datasets]
        found += [DatasetRegistered(dataset=d, version=1) for d in datasets]
        found.append(DocumentRegistered(document=document(given.document, datasets), version=1))
    return found


def dataset(given: DatasetIn, name: str) -> Dataset:
    return mapping.dataset_record(given, FileSummary(), profile=PROFILE, document=name)


def document(given: DocumentIn, datasets: list[Dataset]) -> Document:
    pids = [d.pid for d in datasets] or given.other_datasets
    return mapping.document_record(given, profile=PROFILE, datasets=pids)
