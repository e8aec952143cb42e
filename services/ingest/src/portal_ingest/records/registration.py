"""Registering the parts of a job: judged, entered in ICAT, kept, said.

Every step can be cut off and done again: what ICAT has is looked up by its natural key, records are
kept conditional on their version, and a job is finished only by who still holds its claim.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from portal_shared.contracts.jobs import DatasetIn, DocumentIn, Outcome, Problem
from portal_shared.contracts.records import Dataset, Document, Instrument
from portal_shared.runtime.errors import Conflict, Invalid, Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.validation.validator import DatasetPart, DocumentPart, InstrumentPart, Part

from portal_ingest.domain import versioning
from portal_ingest.domain.mapping import content_hash, dataset_pid, dataset_record, document_record
from portal_ingest.icat.adapter import Icat
from portal_ingest.icat.mapping import dataset_entry
from portal_ingest.records.file_list import Listed, Listing
from portal_ingest.records.inbox import Intake
from portal_ingest.records.task import (
    Task,
    following,
    outcome,
    record_of,
    refused,
    saving,
    unfit,
)
from portal_ingest.store.records import Registry, Saving, Stored

log = logger(__name__)


class Registering:
    def __init__(self, registry: Registry, icat: Icat, intake: Intake) -> None:
        self._registry = registry
        self._icat = icat
        self._listing = Listing(registry, intake)

    async def instrument(self, part: InstrumentPart, task: Task) -> Outcome:
        if part.instrument is None or part.problems:
            return refused(part)
        return await self._instrument_seen(
            Instrument.model_validate(part.instrument.model_dump()), task, part
        )

    async def _instrument_seen(self, instrument: Instrument, task: Task, part: Part) -> Outcome:
        # An instrument's pid may be that of a record of another kind, so it has a key of its own.
        pid = f"instrument:{instrument.pid}"
        for _ in range(5):
            old = task.instruments.get(pid) or await self._registry.find(pid)
            if old and old.hash == content_hash(instrument):
                task.instruments[pid] = old
                ours = old.job_id == task.claim.job_id
                return outcome(part, instrument.pid, old.version, changed=ours)
            old = old or await self._registry.intend(pid, "instrument", task.claim.job_id)
            stored = following(old, "instrument", pid, instrument, task.claim)
            task.instruments.pop(pid, None)
            if await self._registry.save(saving(stored)):
                task.instruments[pid] = stored
                return outcome(part, instrument.pid, stored.version, changed=True)
        raise Conflict(f"{pid} changes faster than it can be kept")

    async def dataset(self, part: DatasetPart, place: str, task: Task) -> Outcome:
        """Register it, or the next version of it, or the edition that supersedes it."""
        given = part.dataset
        if given is None or part.problems:
            return refused(part)
        old = await self._registry.newest(dataset_pid(given))
        if problem := unfit(old, "dataset", f"{place}.pid"):
            return refused(part, problem)
        before = record_of(old) if old and old.version else None
        assert before is None or isinstance(before, Dataset)  # noqa: S101  # unfit() said so
        listed = await self._listing.read(given, place, keep=before)
        if listed.problems:
            return refused(part, *listed.problems)
        record = _record(given, before, listed, task)
        if before and versioning.supersedes(before, record):
            record = _superseding(before, record, part, place)
            old = None if record.pid != before.pid else old
        await self._shared_doi(record, part, place)
        if old and old.hash == content_hash(record):
            ours = old.job_id == task.claim.job_id
            return outcome(
                part, record.pid, old.version, changed=ours, supersedes=record.supersedes
            )
        try:
            return await self._dataset_changed(part, record, old, listed, task)
        except Invalid as error:
            reason = Problem(field=f"{place}.{error.field or 'name'}", reason=error.reason)
            return refused(part, reason)

    async def _shared_doi(self, record: Dataset, part: DatasetPart, place: str) -> None:
        if record.doi:
            others = await self._registry.others_with_doi(record.doi, record.pid)
            if others:
                reason = f"{record.doi} is also the DOI of {', '.join(others)}: kept as shared"
                part.warnings.append(Problem(field=f"{place}.doi", reason=reason))

    async def _dataset_changed(
        self, part: DatasetPart, record: Dataset, old: Stored | None, listed: Listed, task: Task
    ) -> Outcome:
        """Intend, enter in ICAT, keep and say."""
        assert part.dataset is not None  # noqa: S101  # judged
        if record.instrument:
            seen = Part("instrument", record.instrument.name)
            await self._instrument_seen(record.instrument, task, seen)
        old = old or await self._registry.intend(record.pid, "dataset", task.claim.job_id)
        if problem := unfit(old, "dataset", "pid"):
            raise Invalid(problem.reason, field="pid")
        files = None if listed.kept and old and old.icat_id else listed.logical(record.folder)
        icat_id = await self._icat.register(
            dataset_entry(record, files, task.profile),
            known=old.icat_id if old else None,
            tried=old is not None,
            take_over=task.take_over,
        )
        record = record.model_copy(update={"icat_id": icat_id})
        asked = part.dataset.is_public
        stored = following(
            old,
            "dataset",
            record.pid,
            record,
            task.claim,
            icat_id=icat_id,
            asked_public=asked,
            release_at=record.release_date if asked and not record.is_public else None,
        )
        parts = await self._listing.parts(record, listed, stored.version)
        one = saving(stored)
        others = await self._superseded(record, task) if stored.version == 1 else []
        if not await self._registry.save(Saving(stored, one.events, parts), *others):
            raise Unavailable(f"another job changed {record.pid} meanwhile")
        return outcome(part, record.pid, stored.version, changed=True, supersedes=record.supersedes)

    async def _superseded(self, record: Dataset, task: Task) -> list[Saving]:
        """The edition before names this one, and so do the documents that listed it."""
        old = await self._registry.find(record.supersedes) if record.supersedes else None
        if old is None:
            return []
        before = Dataset.model_validate_json(old.body)
        told = before.model_copy(update={"superseded_by": record.pid})
        next_ = following(
            old, "dataset", old.pid, told, task.claim, why="superseded", superseded_by=record.pid
        )
        found = [saving(next_)]
        owner = (task.document.pid or task.document.name) if task.document else None
        for listing in await self._registry.documents_with(old.pid):
            if listing.pid != owner and listing.withdrawn is None:
                document = Document.model_validate_json(listing.body)
                changed = versioning.with_member(document, old.pid, record.pid)
                found.append(
                    saving(following(listing, "document", listing.pid, changed, task.claim))
                )
        return found

    async def document(
        self, part: DocumentPart, members: Sequence[str], task: Task, place: str = "document"
    ) -> Outcome:
        """Register it with these datasets, and those it names besides."""
        given = part.document
        if given is None or part.problems:
            return refused(part)
        record = document_record(given, profile=task.profile.name, datasets=members)
        held = task.profile.embargo and versioning.embargoed(given.release_date, datetime.now(UTC))
        record = record.model_copy(update={"is_public": given.is_public and not held})
        old = await self._registry.find(record.pid)
        if problem := unfit(old, "document", f"{place}.pid"):
            return refused(part, problem)
        if old and old.hash == content_hash(record):
            ours = old.job_id == task.claim.job_id
            return outcome(part, record.pid, old.version, changed=ours)
        if old is None:
            await self._registry.intend(record.pid, "document", task.claim.job_id)
        stored = following(
            old,
            "document",
            record.pid,
            record,
            task.claim,
            asked_public=given.is_public,
            release_at=given.release_date if held and given.is_public else None,
        )
        if not await self._registry.save(saving(stored)):
            raise Unavailable(f"another job changed {record.pid} meanwhile")
        return outcome(part, record.pid, stored.version, changed=True)

    async def member(self, part: DatasetPart, done: Outcome) -> str | None:
        """The pid of what was accepted now, or refused now but registered before."""
        if done.pid is not None:
            return done.pid
        if part.dataset is None:
            return None
        old = await self._registry.newest(dataset_pid(part.dataset))
        return old.pid if old is not None and old.version > 0 else None


def _record(given: DatasetIn, before: Dataset | None, listed: Listed, task: Task) -> Dataset:
    """The record that the job asks for, in the place of the one that is there."""
    owner: DocumentIn | None = task.document
    document = (owner.pid or owner.name) if owner else None
    record = dataset_record(given, listed.summary, profile=task.profile.name, document=document)
    released = given.release_date or (owner.release_date if owner else None)
    if not task.profile.embargo:
        released = given.release_date
    held = task.profile.embargo and versioning.embargoed(released, datetime.now(UTC))
    kept = {"pid": before.pid, "edition": before.edition, "supersedes": before.supersedes,
            "superseded_by": before.superseded_by} if before else {}  # fmt: skip
    if before and listed.kept:
        size = given.size if given.size is not None else before.size
        kept |= {"folder": before.folder, "files": before.files, "size": size}
    if before and before.document:  # it stays with the one it was registered with
        kept["document"] = before.document
    return record.model_copy(
        update={**kept, "release_date": released, "is_public": given.is_public and not held}
    )


def _superseding(before: Dataset, record: Dataset, part: DatasetPart, place: str) -> Dataset:
    """A dataset of its own: the one before stays what was cited."""
    pid, edition = versioning.next_edition(before)
    update = {"pid": pid, "edition": edition, "supersedes": before.pid, "superseded_by": None}
    if record.doi == before.doi:
        update["doi"] = None  # that is the DOI of the edition before
    if record.folder == before.folder:
        reason = f"{record.folder!r} also held the files of {before.pid}: where they were"
        reason += " replaced, that edition can be cited but not downloaded any more"
        part.warnings.append(Problem(field=f"{place}.folder", reason=reason))
    return record.model_copy(update=update)
