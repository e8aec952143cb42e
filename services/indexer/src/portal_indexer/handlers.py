"""What the indexer hears, and what each event changes in the catalogue."""

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
from portal_indexer.file_lists import Files

AT_ONCE = 20

router = RabbitRouter()
Kept = Annotated[Catalogue, Context("catalogue")]
Waiting = Annotated[Worker, Context("worker")]


@router.subscriber(
    publisher.event_queue("indexer", DatasetRegistered),
    channel=publisher.channel(AT_ONCE),
    no_reply=True,
)
async def keep_dataset(
    event: DatasetRegistered,
    catalogue: Kept,
    files: Annotated[Files, Context()],
    worker: Waiting,
) -> None:
    record = event.dataset
    fields: Doc = {"record.document": 1}
    before = await catalogue.find(index_fields.DATASETS, {"_id": record.pid}, fields)
    lists: Doc = {"record.datasets": record.pid}
    listing = await catalogue.find(index_fields.DOCUMENTS, lists, {"_id": 1})
    newer = await catalogue.put(
        index_fields.DATASETS, record, event.version, history=event.history, new=not before
    )
    if newer and not record.files.count:
        await files.none(record.pid, event.version)
    documents = {record.document, *(row["_id"] for row in listing)}
    documents |= {row.get("record", {}).get("document") for row in before}  # one it leaves
    await catalogue.mark(datasets=[record.pid], documents=documents)
    worker.wake.set()


@router.subscriber(
    publisher.event_queue("indexer", DocumentRegistered),
    channel=publisher.channel(AT_ONCE),
    no_reply=True,
)
async def keep_document(event: DocumentRegistered, catalogue: Kept, worker: Waiting) -> None:
    record = event.document
    datasets = {*record.datasets, *await _datasets_of(catalogue, record.pid)}
    await catalogue.put(index_fields.DOCUMENTS, record, event.version, history=event.history)
    await catalogue.mark(documents=[record.pid], datasets=datasets)
    worker.wake.set()


@router.subscriber(
    publisher.event_queue("indexer", DatasetWithdrawn),
    channel=publisher.channel(AT_ONCE),
    no_reply=True,
)
async def withdraw_dataset(event: DatasetWithdrawn, catalogue: Kept, worker: Waiting) -> None:
    if await catalogue.withdraw(index_fields.DATASETS, event):
        rows = await catalogue.find(
            index_fields.DATASETS, {"_id": event.pid}, {"record.document": 1}
        )
        listing = await catalogue.find(
            index_fields.DOCUMENTS, {"record.datasets": event.pid}, {"_id": 1}
        )
        documents = {row.get("record", {}).get("document") for row in rows}
        documents |= {row["_id"] for row in listing}
        await catalogue.mark(datasets=[event.pid], documents=documents)
        worker.wake.set()


@router.subscriber(
    publisher.event_queue("indexer", DocumentWithdrawn),
    channel=publisher.channel(AT_ONCE),
    no_reply=True,
)
async def withdraw_document(event: DocumentWithdrawn, catalogue: Kept, worker: Waiting) -> None:
    if await catalogue.withdraw(index_fields.DOCUMENTS, event):
        datasets = await _datasets_of(catalogue, event.pid)
        await catalogue.mark(documents=[event.pid], datasets=datasets)
        worker.wake.set()


async def _datasets_of(catalogue: Catalogue, pid: str) -> set[str]:
    """Datasets that a document names, as the catalogue has it, and those that name it."""
    kept = await catalogue.find(index_fields.DOCUMENTS, {"_id": pid}, {"record.datasets": 1})
    rows = await catalogue.find(index_fields.DATASETS, {"record.document": pid}, {"_id": 1})
    named = {one for row in kept for one in row.get("record", {}).get("datasets", ())}
    return {*named, *(row["_id"] for row in rows)}


@router.subscriber(
    publisher.event_queue("indexer", InstrumentRegistered),
    channel=publisher.channel(AT_ONCE),
    no_reply=True,
)
async def keep_instrument(event: InstrumentRegistered, catalogue: Kept, worker: Waiting) -> None:
    await catalogue.put(index_fields.INSTRUMENTS, event.instrument, event.version)
    await catalogue.mark(instruments=[event.instrument.pid])
    worker.wake.set()


@router.subscriber(
    publisher.event_queue("indexer", DatasetFilesListed),
    channel=publisher.channel(4),
    no_reply=True,
)
async def keep_files(event: DatasetFilesListed, files: Annotated[Files, Context()]) -> None:
    await files.put(event)


@router.subscriber(
    publisher.event_queue("indexer", DoiMinted), channel=publisher.channel(AT_ONCE), no_reply=True
)
async def note_doi(event: DoiMinted, catalogue: Kept, worker: Waiting) -> None:
    await catalogue.put_doi(event)
    await catalogue.mark(**{LEVELS[event.level]: [event.pid]})
    worker.wake.set()


@router.subscriber(
    publisher.event_queue("indexer", DatasetAvailability),
    channel=publisher.channel(AT_ONCE),
    no_reply=True,
)
async def note_availability(event: DatasetAvailability, catalogue: Kept, worker: Waiting) -> None:
    await catalogue.put_availability(event.pid, event.availability, event.version)
    await catalogue.mark(datasets=[event.pid])
    worker.wake.set()


@router.subscriber(
    publisher.event_queue("indexer", JobFinished), channel=publisher.channel(AT_ONCE), no_reply=True
)
async def keep_job(event: JobFinished, catalogue: Kept) -> None:
    await catalogue.put_job(event.answer)
