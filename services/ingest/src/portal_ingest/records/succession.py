"""Editions: what follows for other records when an edition becomes public, or is registered hidden.

The public edition stays as it is, and documents continue to list it, until the next one is public:
nothing public names what is not public (ADR 24).
"""

from collections.abc import Callable, Sequence
from typing import Any

from portal_shared.contracts.records import Dataset, Document
from pydantic import BaseModel

from portal_ingest.domain import versioning
from portal_ingest.domain.events import write_of
from portal_ingest.domain.publicity import last_public
from portal_ingest.domain.stored_record import EditionLink, RecordWrite, StoredRecord
from portal_ingest.store.records import RecordStore

# From a stored record, its changed content, the kind of change, and further changed fields.
NextVersion = Callable[..., StoredRecord]


class Succession:
    def __init__(self, records: RecordStore) -> None:
        self._records = records

    async def writes(
        self,
        record: Dataset,
        next_version: NextVersion,
        *,
        is_new: bool = False,
        owner: str | None = None,
    ) -> list[RecordWrite | EditionLink]:
        """Returns the writes for the earlier editions of a dataset, and for their documents.

        `next_version` makes the next version of a record: see `by_portal`. `owner` is a document
        that the caller writes itself. A hidden edition that `is_new` is only linked, for later
        jobs.
        """
        replaced = await self._replaced(record)
        if not replaced:
            return []
        if not record.is_public:
            old = replaced[0]
            return [EditionLink(old.pid, old.version, record.pid)] if is_new else []
        writes: list[RecordWrite | EditionLink] = [
            write_of(_superseded(old, record.pid, next_version))
            for old in replaced
            if old.withdrawn is None
        ]
        return [*writes, *await self._of_documents(replaced, record.pid, next_version, owner)]

    async def listed(self, pid: str) -> list[str]:
        """Returns the pids by which documents list a dataset: its newest edition.

        Before it, while that is not public, the editions that it will supersede.
        """
        stored = await self._records.find(pid)
        record = stored.model() if stored and stored.version else None
        if not isinstance(record, Dataset) or record.is_public or record.superseded_by:
            return [pid]
        return [*(old.pid for old in reversed(await self._replaced(record))), pid]

    async def _replaced(self, record: Dataset) -> list[StoredRecord]:
        """Returns the editions that the dataset supersedes, the last one first.

        These are the last public edition, and the hidden ones between.
        """
        found: list[StoredRecord] = []
        pid = record.supersedes
        while pid and pid not in {old.pid for old in found}:
            old = await self._records.find(pid)
            before = old.model() if old and old.version else None
            if old is None or not isinstance(before, Dataset) or before.superseded_by:
                break
            found.append(old)
            if last_public(old) is not None:
                break
            pid = before.supersedes
        return found

    async def _of_documents(
        self,
        replaced: Sequence[StoredRecord],
        pid: str,
        next_version: NextVersion,
        owner: str | None,
    ) -> list[RecordWrite]:
        """Returns the writes of the documents that list a replaced edition."""
        documents: dict[str, tuple[StoredRecord, Document]] = {}
        for old in replaced:
            for stored in await self._records.documents_with(old.pid):
                if stored.pid != owner and stored.withdrawn is None:
                    known = documents.get(stored.pid)
                    document = known[1] if known else Document.model_validate_json(stored.body)
                    changed = versioning.with_member(document, old.pid, pid)
                    documents[stored.pid] = stored, changed
        return [write_of(next_version(stored, changed)) for stored, changed in documents.values()]


def by_portal(
    stored: StoredRecord,
    record: BaseModel,
    *,
    why: versioning.ChangeKind | None = None,
    **fields: Any,
) -> StoredRecord:
    """Returns the next version of a record that changed without a job."""
    return versioning.append_change(stored, record, why or "changed", **fields)


def _superseded(old: StoredRecord, pid: str, next_version: NextVersion) -> StoredRecord:
    before = Dataset.model_validate_json(old.body)
    return next_version(
        old, before.model_copy(update={"superseded_by": pid}), why="superseded", superseded_by=pid
    )
