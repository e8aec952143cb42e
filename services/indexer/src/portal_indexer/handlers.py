"""The bus subscribers of the indexer: each event changes the catalogue and marks records dirty."""

import asyncio
from typing import Annotated

from faststream import Context
from faststream.rabbit import RabbitRouter
from portal_shared.contracts.events import (
    DatasetAvailability,
    DatasetFilesListed,
    DatasetRegistered,
    DatasetWithdrawn,
    DocumentRegistered,
    DocumentWithdrawn,
    DoiMinted,
    InstrumentRegistered,
    JobFinished,
)
from portal_shared.messaging import publisher
from portal_shared.runtime.mongo import Doc
from portal_shared.runtime.worker import Worker
from portal_shared.search import index_fields

from portal_indexer.catalogue import LEVELS, Catalogue
from portal_indexer.file_lists import FileLists

MAX_UNACKED = 20  # messages of one queue in work at a time
MAX_UNACKED_FILE_LISTS = 4  # parts of file lists are large

BEFORE = ("public", "record.document", "record.instrument")  # read of a dataset that changes

router = RabbitRouter()
CatalogueContext = Annotated[Catalogue, Context("catalogue")]
FileListsContext = Annotated[FileLists, Context("files")]
IndexWorkerContext = Annotated[Worker, Context("worker")]


@router.subscriber(
    publisher.event_queue("indexer", DatasetRegistered),
    channel=publisher.channel(MAX_UNACKED),
    no_reply=True,
)
async def store_dataset(
    event: DatasetRegistered,
    catalogue: CatalogueContext,
    files: FileListsContext,
    worker: IndexWorkerContext,
) -> None:
    record = event.dataset
    before, listing, earlier = await asyncio.gather(
        catalogue.look_up(index_fields.DATASETS, "_id", record.pid, BEFORE),
        _documents_listing(catalogue, record.pid),
        _earlier_editions(catalogue, record.pid, record.supersedes),
    )
    documents = {record.document, *listing} | _parents(before)  # the document that it leaves
    for pid in earlier:
        documents |= await _documents_listing(catalogue, pid)
    newer = await catalogue.store(
        index_fields.DATASETS, record, event.version, history=event.history, new=not before
    )
    if newer and not record.files.count:
        await files.store_empty(record.pid, event.version)
    used = record.instrument.pid if record.instrument else None
    await catalogue.mark(
        datasets=[record.pid, *earlier],
        documents=documents,
        instruments=await _maybe_hidden(catalogue, before, used),
    )
    worker.wake.set()


@router.subscriber(
    publisher.event_queue("indexer", DocumentRegistered),
    channel=publisher.channel(MAX_UNACKED),
    no_reply=True,
)
async def store_document(
    event: DocumentRegistered, catalogue: CatalogueContext, worker: IndexWorkerContext
) -> None:
    record = event.document
    datasets = {*record.datasets, *await _datasets_of(catalogue, record.pid)}
    await catalogue.store(
        index_fields.DOCUMENTS,
        record,
        event.version,
        history=event.history,
        new=event.version == 1,
    )
    await catalogue.mark(documents=[record.pid], datasets=datasets)
    worker.wake.set()


@router.subscriber(
    publisher.event_queue("indexer", DatasetWithdrawn),
    channel=publisher.channel(MAX_UNACKED),
    no_reply=True,
)
async def withdraw_dataset(
    event: DatasetWithdrawn, catalogue: CatalogueContext, worker: IndexWorkerContext
) -> None:
    before = await catalogue.look_up(index_fields.DATASETS, "_id", event.pid, BEFORE)
    if await catalogue.withdraw(index_fields.DATASETS, event):
        documents = _parents(before) | await _documents_listing(catalogue, event.pid)
        await catalogue.mark(
            datasets=[event.pid],
            documents=documents,
            instruments=await _maybe_hidden(catalogue, before),
        )
        worker.wake.set()


@router.subscriber(
    publisher.event_queue("indexer", DocumentWithdrawn),
    channel=publisher.channel(MAX_UNACKED),
    no_reply=True,
)
async def withdraw_document(
    event: DocumentWithdrawn, catalogue: CatalogueContext, worker: IndexWorkerContext
) -> None:
    if await catalogue.withdraw(index_fields.DOCUMENTS, event):
        datasets = await _datasets_of(catalogue, event.pid)
        await catalogue.mark(documents=[event.pid], datasets=datasets)
        worker.wake.set()


def _parents(datasets: list[Doc]) -> set[str | None]:
    """Returns the pids of the documents that the dataset rows give as theirs."""
    return {row.get("record", {}).get("document") for row in datasets}


async def _maybe_hidden(
    catalogue: Catalogue, before: list[Doc], used: str | None = None
) -> set[str]:
    """Returns the instruments that are perhaps to be hidden, or shown again, after a change.

    `before` are the rows of the dataset before it, `used` is its instrument after it. Only those
    of datasets that are or were hidden are concerned. Call it after storing the change.
    """
    changed = {used} if used else set[str]()
    found = set[str]()
    for row in before:
        if instrument := row.get("record", {}).get("instrument"):
            changed.add(instrument["pid"])
        if not row.get("public"):
            found |= changed
    for pid in changed - found:
        if await catalogue.is_used(pid, by={"public": False}):
            found.add(pid)
    return found


async def _earlier_editions(catalogue: Catalogue, pid: str, supersedes: str | None) -> set[str]:
    """Returns the pids of the editions that are found in searches until this one is public."""
    rows = await catalogue.look_up(index_fields.DATASETS, "record.superseded_by", pid)
    return {row["_id"] for row in rows} | ({supersedes} if supersedes else set())


async def _documents_listing(catalogue: Catalogue, pid: str) -> set[str | None]:
    """Returns the pids of the documents that list the dataset."""
    rows = await catalogue.look_up(index_fields.DOCUMENTS, "record.datasets", pid)
    return {row["_id"] for row in rows}


async def _datasets_of(catalogue: Catalogue, pid: str) -> set[str]:
    """Returns the pids of the datasets that the stored document lists or that point to it."""
    documents, rows = await asyncio.gather(
        catalogue.look_up(index_fields.DOCUMENTS, "_id", pid, ("record.datasets",)),
        catalogue.look_up(index_fields.DATASETS, "record.document", pid),
    )
    listed = {one for row in documents for one in row.get("record", {}).get("datasets", ())}
    return {*listed, *(row["_id"] for row in rows)}


@router.subscriber(
    publisher.event_queue("indexer", InstrumentRegistered),
    channel=publisher.channel(MAX_UNACKED),
    no_reply=True,
)
async def store_instrument(
    event: InstrumentRegistered, catalogue: CatalogueContext, worker: IndexWorkerContext
) -> None:
    await catalogue.store(index_fields.INSTRUMENTS, event.instrument, event.version)
    await catalogue.mark(instruments=[event.instrument.pid])
    worker.wake.set()


@router.subscriber(
    publisher.event_queue("indexer", DatasetFilesListed),
    channel=publisher.channel(MAX_UNACKED_FILE_LISTS),
    no_reply=True,
)
async def store_file_list(event: DatasetFilesListed, files: FileListsContext) -> None:
    await files.store_part(event)


@router.subscriber(
    publisher.event_queue("indexer", DoiMinted),
    channel=publisher.channel(MAX_UNACKED),
    no_reply=True,
)
async def store_doi(
    event: DoiMinted, catalogue: CatalogueContext, worker: IndexWorkerContext
) -> None:
    await catalogue.store_doi(event)
    await catalogue.mark(**{LEVELS[event.level]: [event.pid]})
    worker.wake.set()


@router.subscriber(
    publisher.event_queue("indexer", DatasetAvailability),
    channel=publisher.channel(MAX_UNACKED),
    no_reply=True,
)
async def store_availability(
    event: DatasetAvailability, catalogue: CatalogueContext, worker: IndexWorkerContext
) -> None:
    await catalogue.store_availability(event)
    await catalogue.mark(datasets=[event.pid])
    worker.wake.set()


@router.subscriber(
    publisher.event_queue("indexer", JobFinished),
    channel=publisher.channel(MAX_UNACKED),
    no_reply=True,
)
async def store_job_answer(event: JobFinished, catalogue: CatalogueContext) -> None:
    await catalogue.store_job_answer(event.answer)
