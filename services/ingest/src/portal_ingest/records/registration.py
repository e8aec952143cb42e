"""Registers the parts of a job: writes datasets to ICAT, stores records and publishes events.

Every step can be interrupted and repeated: datasets in ICAT are found by their natural key, a
record is stored only on top of the version it was made from, and only the replica that holds the
lease finishes the job.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from portal_shared.contracts.identifiers import bare_doi
from portal_shared.contracts.jobs import DatasetIn, DocumentIn, Outcome, Problem
from portal_shared.contracts.records import Dataset
from portal_shared.runtime.errors import Invalid, Unavailable
from portal_shared.validation.validator import DatasetPart, DocumentPart

from portal_ingest.domain import versioning
from portal_ingest.domain.events import write_of
from portal_ingest.domain.mapping import (
    content_hash,
    dataset_pid,
    dataset_record,
    document_pid,
    document_record,
)
from portal_ingest.domain.stored_record import RecordWrite, StoredRecord
from portal_ingest.icat.adapter import Icat
from portal_ingest.icat.datasets import NameTaken
from portal_ingest.icat.mapping import DatasetEntry, dataset_entry
from portal_ingest.records.file_list import FileList, FileListReader
from portal_ingest.records.instruments import Instruments
from portal_ingest.records.succession import Succession
from portal_ingest.records.task import Task, outcome, pid_conflict, refusal
from portal_ingest.store.dois import DoiStore
from portal_ingest.store.records import RecordStore


class Registrar:
    def __init__(
        self,
        records: RecordStore,
        dois: DoiStore,
        icat: Icat,
        file_lists: FileListReader,
        *,
        instruments: Instruments,
        succession: Succession,
    ) -> None:
        self._records = records
        self._dois = dois
        self._icat = icat
        self._file_lists = file_lists
        self._instruments = instruments
        self._succession = succession

    async def dataset(
        self, part: DatasetPart, place: str, task: Task, *, edition: StoredRecord | None = None
    ) -> Outcome:
        """Registers the dataset, its next version, or the edition that supersedes it.

        `edition` is the one to change; by default, it is the newest.
        """
        given = part.dataset
        if given is None or part.problems:
            return refusal(part)
        old = edition or await self._records.find_newest(dataset_pid(given))
        if problem := pid_conflict(old, "dataset", f"{place}.pid"):
            return refusal(part, problem)
        before = old.model() if old and old.version else None
        assert before is None or isinstance(before, Dataset)  # noqa: S101  # no pid_conflict
        files = await self._file_lists.read(given, place, current=before)
        if files.problems:
            return refusal(part, *files.problems)
        part.warnings.extend(files.warnings)
        record = _dataset_record(given, before, files, task)
        if before and versioning.supersedes(before, record):
            pid, number = await self._free_edition(before)
            record = record.model_copy(update={"pid": pid, "edition": number})
            record = _superseding(before, record, part, place)
            old = None if record.pid != before.pid else old
        await self._warn_of_shared_doi(record, part, place)
        if old and old.hash == content_hash(record):
            return task.unchanged(part, record.pid, old, supersedes=record.supersedes)
        try:
            return await self._store_dataset(part, record, old, files, task)
        except Invalid as error:
            reason = Problem(field=f"{place}.{error.field or 'name'}", reason=error.reason)
            return refusal(part, reason)

    async def _free_edition(self, before: Dataset) -> tuple[str, int]:
        """Returns pid and number of the next edition; those of withdrawn ones stay theirs."""
        editions = versioning.next_editions(before)
        pid, edition = next(editions)
        while (found := await self._records.find(pid)) and found.withdrawn is not None:
            pid, edition = next(editions)
        return pid, edition

    async def _warn_of_shared_doi(self, record: Dataset, part: DatasetPart, place: str) -> None:
        if record.doi:
            others = await self._dois.others_with(record.doi, record.pid)
            if others:
                reason = (
                    f"{record.doi} is also the DOI of {', '.join(others)}; it was registered for"
                    " both, check that this is correct"
                )
                part.warnings.append(Problem(field=f"{place}.doi", reason=reason))

    async def _store_dataset(
        self,
        part: DatasetPart,
        record: Dataset,
        old: StoredRecord | None,
        files: FileList,
        task: Task,
    ) -> Outcome:
        """Reserves the pid, writes the dataset to ICAT, then stores and publishes it."""
        assert part.dataset is not None  # noqa: S101  # dataset() returned a refusal
        await self._instruments.register_of(record, task)
        old = old or await self._records.reserve(record.pid, "dataset", task.claim.job_id)
        if problem := pid_conflict(old, "dataset", "pid"):
            raise Invalid(problem.reason, field="pid")
        unchanged_files = files.unchanged and old and old.icat_id
        entries = None if unchanged_files else files.icat_entries(record.folder)
        entry = dataset_entry(record, entries, task.profile)
        icat_id = await self._register_in_icat(record.pid, entry, old, task)
        record = record.model_copy(update={"icat_id": icat_id})
        requested_public = part.dataset.is_public
        embargoed = requested_public and not record.is_public
        updated = task.next_version(
            old,
            "dataset",
            record.pid,
            record,
            icat_id=icat_id,
            requested_public=requested_public,
            release_at=record.release_date if embargoed else None,
        )
        file_list = await self._file_lists.parts(record, files, updated.version)
        write = RecordWrite(updated, write_of(updated).events, file_list)
        others = await self._succession.writes(
            record,
            task.changed,
            is_new=updated.version == 1,
            owner=document_pid(task.document) if task.document else None,
        )
        if not await self._records.save(write, *others):
            raise Unavailable(f"another job changed {record.pid} at the same time")
        if record.is_public:
            task.public_datasets.add(record.pid)
        return outcome(
            part, record.pid, updated.version, changed=True, supersedes=record.supersedes
        )

    async def _register_in_icat(
        self, pid: str, entry: DatasetEntry, old: StoredRecord | None, task: Task
    ) -> int:
        """Writes the dataset to ICAT and returns its id there.

        Raises Invalid if its name is that of another record of the portal, or of a dataset of
        others which the job may not take over.
        """
        known_id = old.icat_id if old else None
        register = partial(
            self._icat.register, entry, known_id=known_id, maybe_written=old is not None
        )
        try:
            icat_id = await register(take_over=False)
        except NameTaken as taken:
            await self._refuse_other_record(taken.icat_id, pid, entry.name)
            if not task.take_over:
                reason = (
                    f"ICAT already has a dataset {entry.name!r} that this portal did not write;"
                    " choose another name, or send the job with take_over to change that dataset"
                )
                raise Invalid(reason, field="name") from taken
            return await register(take_over=True)
        if old is not None and icat_id != known_id:  # found by its name
            await self._refuse_other_record(icat_id, pid, entry.name)
        return icat_id

    async def _refuse_other_record(self, icat_id: int, pid: str, name: str) -> None:
        """Raises Invalid if the dataset in ICAT is that of another record of the portal."""
        others = await self._records.others_with_icat_id(icat_id, pid)
        if others:
            reason = (
                f"ICAT already has a dataset {name!r} in the same investigation: the one of"
                f" {others[0]!r} in this portal; choose another name"
            )
            raise Invalid(reason, field="name")

    async def document(
        self, part: DocumentPart, members: Sequence[str], task: Task, place: str = "document"
    ) -> Outcome:
        """Registers the document with these datasets and those of its `other_datasets`."""
        given = part.document
        if given is None or part.problems:
            return refusal(part)
        record = document_record(given, profile=task.profile.name, datasets=members)
        now = datetime.now(UTC)
        embargoed = task.profile.embargo and versioning.embargoed(given.release_date, now)
        record = record.model_copy(update={"is_public": given.is_public and not embargoed})
        old = await self._records.find(record.pid)
        if problem := pid_conflict(old, "document", f"{place}.pid"):
            return refusal(part, problem)
        if old and old.hash == content_hash(record):
            return task.unchanged(part, record.pid, old)
        if old is None:
            await self._records.reserve(record.pid, "document", task.claim.job_id)
        updated = task.next_version(
            old,
            "document",
            record.pid,
            record,
            requested_public=given.is_public,
            release_at=given.release_date if embargoed and given.is_public else None,
        )
        if not await self._records.save(write_of(updated)):
            raise Unavailable(f"another job changed {record.pid} at the same time")
        return outcome(part, record.pid, updated.version, changed=True)

    async def member_pids(self, part: DatasetPart, registered: Outcome, task: Task) -> list[str]:
        """Returns the pids by which the document lists the dataset; see Succession.listed.

        A dataset that is refused now stays listed if it was registered before.
        """
        if registered.pid in task.public_datasets:
            return [registered.pid]
        if registered.pid is not None:
            return await self._succession.listed(registered.pid)
        if part.dataset is None:
            return []
        old = await self._records.find_newest(dataset_pid(part.dataset))
        if old is None or not old.version:
            return []
        return await self._succession.listed(old.pid)


def _dataset_record(
    given: DatasetIn, before: Dataset | None, files: FileList, task: Task
) -> Dataset:
    """Returns the record of the job, with what stays from the registered one."""
    owner: DocumentIn | None = task.document
    document = document_pid(owner) if owner else None
    record = dataset_record(given, files.summary, profile=task.profile.name, document=document)
    release_date = given.release_date
    if task.profile.embargo and release_date is None and owner:
        release_date = owner.release_date
    embargoed = task.profile.embargo and versioning.embargoed(release_date, datetime.now(UTC))
    same = {"pid": before.pid, "edition": before.edition, "supersedes": before.supersedes,
            "superseded_by": before.superseded_by} if before else {}  # fmt: skip
    if before and files.unchanged:
        size = given.size if given.size is not None else before.size
        same |= {"folder": before.folder, "files": before.files, "size": size}
    if before and before.document:  # it belongs to the document it was registered with first
        same["document"] = before.document
    is_public = given.is_public and not embargoed
    return record.model_copy(update={**same, "release_date": release_date, "is_public": is_public})


def _superseding(before: Dataset, record: Dataset, part: DatasetPart, place: str) -> Dataset:
    """Returns the record as a dataset of its own that supersedes the one before."""
    update: dict[str, Any] = {"supersedes": before.pid, "superseded_by": None}
    if bare_doi(record.doi or "") == bare_doi(before.doi or ""):
        update["doi"] = None  # that is the DOI of the edition before
    if record.folder == before.folder:
        reason = (
            f"{record.folder!r} is also the folder of {before.pid}; if its files were replaced,"
            f" {before.pid} can still be cited but no longer downloaded"
        )
        part.warnings.append(Problem(field=f"{place}.folder", reason=reason))
    return record.model_copy(update=update)
