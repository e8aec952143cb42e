"""What has to be written together with a record that becomes public."""

from portal_shared.contracts.records import Dataset

from portal_ingest.domain.events import write_of
from portal_ingest.domain.stored_record import EditionLink, RecordWrite, StoredRecord
from portal_ingest.records.instruments import Instruments
from portal_ingest.records.succession import NextVersion, Succession


class Release:
    def __init__(self, instruments: Instruments, succession: Succession) -> None:
        self._instruments = instruments
        self._succession = succession

    async def writes(
        self, released: StoredRecord, next_version: NextVersion
    ) -> list[RecordWrite | EditionLink]:
        """Returns the writes: the record, its instrument if it is new, the edition before it."""
        record = released.model()
        assert record is not None  # noqa: S101  # instruments are not released
        writes: list[RecordWrite | EditionLink] = [write_of(released)]
        writes += await self._instruments.writes_of(record, released.job_id)
        if isinstance(record, Dataset):
            writes += await self._succession.writes(record, next_version)
        return writes
