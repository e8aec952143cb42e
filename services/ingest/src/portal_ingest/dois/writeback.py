"""Stores the DOIs that the doi service publishes, and writes them to ICAT."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from portal_shared import profile as profiles
from portal_shared.contracts.events import DoiFailed, DoiMinted
from portal_shared.contracts.records import Document
from portal_shared.runtime.errors import PortalError, may_succeed_later
from portal_shared.runtime.logs import logger
from portal_shared.runtime.telemetry.origin import Origin, current_origin, resume

from portal_ingest.domain.publicity import last_public
from portal_ingest.domain.stored_record import StoredRecord
from portal_ingest.icat.adapter import Icat
from portal_ingest.icat.mapping import PublicationEntry, publication_entry
from portal_ingest.store.dois import GATHERING, LEASE, WAITING_SINCE, DoiChange, DoiStore
from portal_ingest.store.records import Member, RecordStore

log = logger(__name__)

BATCH = 20  # records leased together
MAX_REASON_CHARACTERS = 1000


async def store_minted(event: DoiMinted, dois: DoiStore) -> bool:
    """Stores the DOI; returns whether it has to be written to ICAT.

    The DOI that a dataset brought itself was written together with the dataset.
    """
    to_write = not (event.adopted and event.level == "dataset")
    since = datetime.now(UTC)
    if event.level == "document":  # its publication lists the DOIs of its datasets, which follow
        since += GATHERING
    fields = {
        "doi": event.doi,
        "doi_state": event.state,
        "doi_adopted": event.adopted,
        "doi_problem": None,
        "doi_origin": current_origin().fields,
        **({WAITING_SINCE: since} if to_write else {}),
    }
    change = DoiChange(
        event.pid,
        event.version,
        fields,
        revision=event.revision,
        of_dataset=event.level == "dataset",
    )
    return await dois.store(change) and to_write


async def store_failed(event: DoiFailed, dois: DoiStore) -> None:
    await dois.store(DoiChange(event.pid, event.version, {"doi_problem": event.reason}))


@dataclass
class Batch:
    """Records whose DOIs are written, and what became of each: pids."""

    lease: datetime  # its end
    left: Iterator[StoredRecord]
    written: list[str] = field(default_factory=list)
    unwritten: list[str] = field(default_factory=list)  # after an error that may pass
    has_failed: bool = False

    @property
    def is_open(self) -> bool:
        """Returns whether another record may be begun: half of the lease is for the last."""
        return not self.has_failed and datetime.now(UTC) < self.lease - LEASE / 2


class DoiWriteback:
    """Writes DOIs to ICAT, the one that waits longest first, `at_once` side by side."""

    def __init__(
        self, records: RecordStore, dois: DoiStore, icat: Icat, *, at_once: int = 1
    ) -> None:
        self._records = records
        self._dois = dois
        self._icat = icat
        self._at_once = at_once

    async def step(self) -> bool:
        """Writes a batch; False if none waits.

        Raises Unavailable if ICAT is out of reach; the record keeps waiting. One that ICAT refuses
        does not delay the others.
        """
        waiting = await self._dois.waiting(BATCH)
        if not waiting:
            return False
        lease, pids = await self._dois.claim(waiting)
        records = await self._records.find_all(pids)
        batch = Batch(lease, iter([records[pid] for pid in pids if pid in records]))
        try:
            results = await asyncio.gather(
                *(self._write_some(batch) for _ in range(self._at_once)), return_exceptions=True
            )
        finally:
            await self._dois.mark_written(batch.written, lease)
        await self._dois.release([*batch.unwritten, *(one.pid for one in batch.left)], lease)
        for error in results:
            if error is not None:
                raise error
        return True

    async def _write_some(self, batch: Batch) -> None:
        """Writes records of a batch that others write too, until the first error of any of them.

        Ends early at a slow ICAT: another replica may take what is left when the lease has ended.
        """
        while batch.is_open and (record := next(batch.left, None)):
            try:
                reason = await self._refusal(record)
            except PortalError:
                batch.unwritten.append(record.pid)
                batch.has_failed = True
                raise
            if reason is None:
                batch.written.append(record.pid)
            else:
                await self._dois.mark_refused(record.pid, batch.lease, reason)

    async def write_again(self, record: StoredRecord) -> bool:
        """Writes the DOI and the counts of files, whatever ICAT has.

        Returns False if ICAT refused them, with the reason stored.
        """
        reason = await self._refusal(record, again=True)
        await self._dois.set_problem(record.pid, reason)
        return reason is None

    async def _refusal(self, record: StoredRecord, *, again: bool = False) -> str | None:
        """Writes the record's DOI; returns why ICAT refuses it, if it does."""
        if not record.doi and not again:
            return None
        with resume(Origin.of_row(record.doi_origin), "write DOI to ICAT", pid=record.pid):
            try:
                if again and record.icat_id is not None:
                    await self._icat.correct_counts(record.icat_id, record.file_counts())
                if record.doi:
                    await self.write(record, record.doi, again=again)
            except PortalError as error:
                if may_succeed_later(error):
                    raise
                reason = error.reason[:MAX_REASON_CHARACTERS]
            else:
                return None
            log.error("ICAT refused a DOI", doi=record.doi, reason=reason)
        return reason

    async def members(self, record: StoredRecord) -> dict[str, Member]:
        """Returns the datasets that the publication of a document contains, by pid.

        These are its datasets and those of its part documents, as far as they are or were public.
        None for a document that never was: by the rules of many facilities, everybody may read
        a publication of ICAT and its datasets.
        """
        document = last_public(record)
        if not isinstance(document, Document):
            return {}
        of_parts = await self._records.datasets_of(document.documents)
        datasets = list(dict.fromkeys([*document.datasets, *of_parts]))
        return await self._records.public_members(datasets)

    @staticmethod
    def publication(
        record: StoredRecord, doi: str, members: Mapping[str, Member]
    ) -> PublicationEntry:
        """Returns the publication of a document as it was public last, which has `members`.

        Its parts are the DOIs of its public datasets.
        """
        document = last_public(record)
        assert isinstance(document, Document)  # noqa: S101  # it has members
        own = [members[pid] for pid in document.datasets if pid in members]
        parts = [member.doi for member in own if member.doi]
        return publication_entry(document, doi, profiles.load(document.profile), parts)

    async def write(self, record: StoredRecord, doi: str, *, again: bool = False) -> None:
        """Writes one DOI; `again` also that which the dataset was registered with."""
        if record.kind == "dataset" and record.icat_id is not None:
            if again or record.brought_doi != doi:
                await self._icat.set_dataset_doi(record.icat_id, doi)
        elif record.kind == "document":
            members = await self.members(record)
            if ids := icat_ids(members):
                await self._icat.publish(self.publication(record, doi, members), ids)
            elif last_public(record) is None:
                await self._icat.retract(doi)
        log.info("DOI written to ICAT", doi=doi)


def icat_ids(members: Mapping[str, Member]) -> list[int]:
    """Returns the ids in ICAT of those that are registered there."""
    return [member.icat_id for member in members.values() if member.icat_id is not None]
