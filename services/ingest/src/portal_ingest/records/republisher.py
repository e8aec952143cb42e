"""Publishes the current state of all records again."""

from portal_ingest.domain.events import record_event
from portal_ingest.store.file_lists import FileListStore
from portal_ingest.store.records import RecordStore

BATCH = 50  # records


class Republisher:
    def __init__(self, records: RecordStore, file_lists: FileListStore) -> None:
        self._records = records
        self._file_lists = file_lists

    async def run(self) -> int:
        """Returns the number of events."""
        after, count = "", 0
        while batch := await self._records.batch_after(after, BATCH):
            for record in batch:
                events = [record_event(record), *await self._file_lists.find(record.pid)]
                await self._records.publish(events)
                count += len(events)
            after = batch[-1].pid
        return count
