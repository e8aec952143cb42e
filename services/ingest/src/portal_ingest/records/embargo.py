"""Releases records whose embargo has ended; also those that ended while ingest was down."""

from portal_ingest.domain import versioning
from portal_ingest.records.release import Release
from portal_ingest.records.succession import by_portal
from portal_ingest.store.records import RecordStore


class EmbargoReleaser:
    def __init__(self, records: RecordStore, release: Release) -> None:
        self._records = records
        self._release = release

    async def step(self) -> bool:
        """Releases one record; False if there is none. Safe with several replicas."""
        stored = await self._records.find_releasable()
        if stored is None:
            return False
        record = stored.model()
        assert record is not None  # noqa: S101  # instruments have no embargo
        public = record.model_copy(update={"is_public": True})
        updated = versioning.append_change(stored, public, "released", release_at=None)
        await self._records.save(*await self._release.writes(updated, by_portal))
        return True
