"""Changes registered records: patches, withdrawals and releases."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from portal_shared import profile as profiles
from portal_shared.contracts.jobs import Outcome, PatchIn, Problem, WithdrawalIn
from portal_shared.contracts.records import Dataset
from portal_shared.runtime.errors import Invalid, Unavailable
from portal_shared.validation.validator import RecordPart, validate_dataset, validate_document

from portal_ingest.domain import versioning
from portal_ingest.domain.events import write_of
from portal_ingest.domain.patch import apply_patch, separate_inherited
from portal_ingest.domain.stored_record import EditionLink, RecordWrite, StoredRecord
from portal_ingest.icat.adapter import Icat
from portal_ingest.records.registration import Registrar
from portal_ingest.records.release import Release
from portal_ingest.records.task import Change, Task, outcome, refusal, withdrawn_reason
from portal_ingest.store.records import RecordStore


class RecordEditor:
    def __init__(
        self, records: RecordStore, icat: Icat, registrar: Registrar, release: Release
    ) -> None:
        self._records = records
        self._icat = icat
        self._registrar = registrar
        self._releases = release

    async def change(self, part: RecordPart, task: Task) -> Outcome:
        """Changes one record of a job and returns the outcome."""
        change = part.change
        if change is None or part.problems:
            return refusal(part)
        field = f"{part.place}.pid"
        stored = await self._records.find(change.pid)
        if stored is None or stored.version == 0 or stored.kind == "instrument":
            reason = f"no document or dataset with pid {change.pid!r} is registered; check the pid"
            return refusal(part, Problem(field=field, reason=reason))
        part.kind, part.name = stored.kind, change.pid
        if isinstance(change, WithdrawalIn):
            return await self._withdraw(part, stored, change.reason, task)
        if stored.withdrawn is not None:
            reason = withdrawn_reason(stored, "it cannot be changed any more")
            return refusal(part, Problem(field=field, reason=reason))
        if isinstance(change, PatchIn):
            return await self._patch(part, stored, change, task)
        return await self._release(part, stored, task)

    async def _patch(
        self, part: RecordPart, stored: StoredRecord, change: PatchIn, task: Task
    ) -> Outcome:
        """Registers the record again, with the patched fields.

        Of a superseded dataset, the newest edition is patched, but never one that is not public
        yet: the fields of a public dataset would release it.
        """
        place = f"{part.place}.fields"
        stored = await self._succeeding(stored)
        if stored.withdrawn is not None:
            reason = withdrawn_reason(stored, "it cannot be changed any more")
            return refusal(part, Problem(field=f"{part.place}.pid", reason=reason))
        record = stored.model()
        assert record is not None  # noqa: S101  # not an instrument
        profile = profiles.load(record.profile)
        task = replace(task, profile=profile, document=None)
        raw, problems = apply_patch(record, change.fields, place, is_public=stored.requested_public)
        if problems:
            return refusal(part, *problems)
        before, _ = apply_patch(record, {}, place, is_public=stored.requested_public)
        if isinstance(record, Dataset):
            dataset = validate_dataset(raw, place, profile)
            known = validate_dataset(before, place, profile)
            separate_inherited(dataset, known, raw, change.fields, place)
            return await self._registrar.dataset(dataset, place, task, edition=stored)
        document = validate_document(raw, profile, place)
        known = validate_document(before, profile, place)
        separate_inherited(document, known, raw, change.fields, place)
        return await self._registrar.document(document, record.datasets, task, place)

    async def _succeeding(self, stored: StoredRecord) -> StoredRecord:
        """Returns the last of the editions that superseded a dataset, or the record itself."""
        seen: set[str] = set()
        while stored.pid not in seen:
            seen.add(stored.pid)
            record = stored.model()
            following = record.superseded_by if isinstance(record, Dataset) else None
            newer = await self._records.find(following) if following else None
            stored = newer or stored
        return stored

    async def _withdraw(
        self, part: RecordPart, stored: StoredRecord, reason: str, task: Task
    ) -> Outcome:
        """Replaces the record by a tombstone with the reason; the content stays in the database."""
        before = stored.withdrawn
        if before is not None and before["reason"] == reason:
            return task.unchanged(part, stored.pid, stored, change="withdrawn")
        record = stored.model()
        assert record is not None  # noqa: S101  # not an instrument
        now = datetime.now(UTC)
        if stored.icat_id is not None:
            try:
                await self._icat.withdraw(stored.icat_id, profiles.load(record.profile), reason)
            except Invalid as error:
                return refusal(part, Problem(field=error.field or "icat", reason=error.reason))
        tombstone = {
            "reason": reason,
            "title": record.title,
            "at": before["at"] if before else now,
        }
        updated = task.next_version(
            stored,
            stored.kind,
            stored.pid,
            record.model_copy(update={"is_public": False}),
            why="withdrawn",
            withdrawn=tombstone,
            release_at=None,
        )
        return await self._store(part, updated, "withdrawn")

    async def _release(self, part: RecordPart, stored: StoredRecord, task: Task) -> Outcome:
        """Makes the record public, and ends its embargo."""
        record = stored.model()
        assert record is not None  # noqa: S101  # not an instrument
        if record.is_public:
            return task.unchanged(part, stored.pid, stored, change="released")
        now = datetime.now(UTC).replace(microsecond=0)
        fields: dict[str, Any] = {"is_public": True}
        if versioning.embargoed(record.release_date, now):
            fields["release_date"] = now
        updated = task.next_version(
            stored,
            stored.kind,
            stored.pid,
            record.model_copy(update=fields),
            why="released",
            requested_public=True,
            release_at=None,
        )
        writes = await self._releases.writes(updated, task.changed)
        return await self._store(part, updated, "released", *writes)

    async def _store(
        self,
        part: RecordPart,
        updated: StoredRecord,
        change: Change,
        *writes: RecordWrite | EditionLink,
    ) -> Outcome:
        if not await self._records.save(*(writes or [write_of(updated)])):
            raise Unavailable(f"another job changed {updated.pid} at the same time")
        return outcome(part, updated.pid, updated.version, changed=True, change=change)
