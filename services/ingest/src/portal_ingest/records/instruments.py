"""Registers instruments: those of jobs at once, those of datasets with the first public dataset."""

from portal_shared.contracts.jobs import Outcome
from portal_shared.contracts.records import Dataset, Document, Instrument
from portal_shared.runtime.errors import Conflict
from portal_shared.validation.validator import InstrumentPart, Part

from portal_ingest.domain import versioning
from portal_ingest.domain.events import write_of
from portal_ingest.domain.mapping import content_hash
from portal_ingest.domain.stored_record import RecordWrite
from portal_ingest.records.task import Task, outcome, refusal
from portal_ingest.store.records import RecordStore

MAX_ATTEMPTS = 5


class Instruments:
    def __init__(self, records: RecordStore) -> None:
        self._records = records

    async def register(self, part: InstrumentPart, task: Task) -> Outcome:
        """Registers the instrument of a job. Raises Conflict if other jobs change it as well."""
        if part.instrument is None or part.problems:
            return refusal(part)
        instrument = Instrument.model_validate(part.instrument.model_dump())
        return await self._store(instrument, task, part)

    async def register_of(self, dataset: Dataset, task: Task) -> None:
        """Registers the instrument of a public dataset; that of a hidden one is not public yet."""
        if dataset.instrument and dataset.is_public:
            part = Part("instrument", dataset.instrument.name)
            await self._store(dataset.instrument, task, part)

    async def writes_of(self, record: Dataset | Document, job_id: str) -> list[RecordWrite]:
        """Returns the write for the instrument of a dataset that becomes public, if it is new.

        A registered one is not changed: it may be newer than the dataset, which waited.
        """
        instrument = record.instrument if isinstance(record, Dataset) else None
        if instrument is None:
            return []
        pid = _key(instrument)
        known = await self._records.find(pid)
        if known is not None and known.version:
            return []
        await self._records.reserve(pid, "instrument", job_id)
        new = versioning.next_version(
            known, "instrument", pid, instrument, job_id=job_id, sender=None
        )
        return [write_of(new)]

    async def _store(self, instrument: Instrument, task: Task, part: Part) -> Outcome:
        pid = _key(instrument)
        for _ in range(MAX_ATTEMPTS):
            old = task.instruments.get(pid) or await self._records.find(pid)
            if old and old.hash == content_hash(instrument):
                task.instruments[pid] = old
                return task.unchanged(part, instrument.pid, old)
            old = old or await self._records.reserve(pid, "instrument", task.claim.job_id)
            updated = task.next_version(old, "instrument", pid, instrument)
            task.instruments.pop(pid, None)
            if await self._records.save(write_of(updated)):
                task.instruments[pid] = updated
                return outcome(part, instrument.pid, updated.version, changed=True)
        raise Conflict(f"other jobs changed {pid} in each of {MAX_ATTEMPTS} attempts to store it")


def _key(instrument: Instrument) -> str:
    """Returns the key of its record: its pid may be that of a record of another kind."""
    return f"instrument:{instrument.pid}"
