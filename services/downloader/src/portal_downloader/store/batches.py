"""Repository of stage requests (`batches`) and of the pins to release at the archive (`pins`).

A batch is stored before it is submitted, so that a submission whose answer was lost is found again.
"""

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from portal_shared.runtime.mongo import ASCENDING, Database, Doc, ReturnDocument, translate_errors

from portal_downloader.store.rows.file import FileRow
from portal_downloader.store.signals import Signals

PINS_PER_RELEASE = 500  # in one call of the archive


@dataclass(frozen=True)
class Batch:
    """A stage request that the archive has accepted."""

    id: str
    stage_id: str
    pause: float  # seconds before the last poll


class Batches:
    def __init__(self, database: Database, lease: float, signals: Signals) -> None:
        self._signals = signals
        self._rows = database["batches"]
        self._pins = database["pins"]
        self._lease = timedelta(seconds=lease)

    async def prepare(self) -> None:
        """Creates the indexes."""
        with translate_errors():
            await self._rows.create_index([("state", ASCENDING), ("due", ASCENDING)])
            await self._pins.create_index([("stage_id", ASCENDING)])

    async def create(self) -> str:
        """Stores a new batch and returns its id; unconfirmed after the lease, it is reconciled."""
        batch = uuid.uuid4().hex
        next_at = datetime.now(UTC) + self._lease
        with translate_errors():
            await self._rows.insert_one({"_id": batch, "state": "intended", "due": next_at})
        return batch

    async def mark_submitted(self, batch: str, stage_id: str, pause: float) -> None:
        """Stores the id that the archive gave, and polls it after `pause` seconds."""
        next_at = datetime.now(UTC) + timedelta(seconds=pause)
        fields = {"state": "submitted", "stage_id": stage_id, "due": next_at, "pause": pause}
        with translate_errors():
            await self._rows.update_one({"_id": batch}, {"$set": fields}, upsert=True)
        self._signals.poller.set()

    async def mark_unconfirmed(self, batch: str) -> None:
        """Schedules a batch for reconciliation: it is unknown whether the archive accepted it."""
        now = datetime.now(UTC)
        with translate_errors():
            await self._rows.update_one({"_id": batch, "state": "intended"}, {"$set": {"due": now}})
        self._signals.submitter.set()

    async def stage_id(self, batch: str) -> str | None:
        """Returns the archive's id of a batch; None if it is unknown or the batch has ended."""
        with translate_errors():
            row = await self._rows.find_one({"_id": batch})
        return row.get("stage_id") if row else None

    async def claim_unconfirmed(self) -> str | None:
        """Claims a batch that was created and never confirmed."""
        row = await self._claim("intended")
        return row["_id"] if row else None

    async def claim_submitted(self) -> Batch | None:
        """Claims a batch to poll; it is leased for a while."""
        row = await self._claim("submitted")
        return Batch(row["_id"], row["stage_id"], row["pause"]) if row else None

    async def seconds_to_next(self) -> float:
        """Returns the seconds until a batch is to be polled; infinite when there is none."""
        with translate_errors():
            row = await self._rows.find_one({"state": "submitted"}, sort=[("due", ASCENDING)])
        if row is None:
            return math.inf
        return max(0.01, (row["due"] - datetime.now(UTC)).total_seconds())

    async def _claim(self, state: str) -> Doc | None:
        now = datetime.now(UTC)
        with translate_errors():
            return await self._rows.find_one_and_update(
                {"state": state, "due": {"$lte": now}},
                {"$set": {"due": now + self._lease}},
                sort=[("due", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )

    async def postpone(self, batch: str, pause: float) -> None:
        """Polls the batch again after `pause` seconds."""
        next_at = datetime.now(UTC) + timedelta(seconds=pause)
        with translate_errors():
            await self._rows.update_one({"_id": batch}, {"$set": {"due": next_at, "pause": pause}})

    async def delete(self, batch: str) -> None:
        """Deletes a batch of which no file is in flight."""
        with translate_errors():
            await self._rows.delete_one({"_id": batch})

    async def unpin(self, file: FileRow) -> bool:
        """Releases the archive's pin of a file, or cancels its recall.

        Returns False if no stage request is known for it; the pin of a request whose id stays
        unknown expires by itself.
        """
        stage_id, recalling = file.stage_id, False
        if stage_id is None and file.batch is not None:
            stage_id, recalling = await self.stage_id(file.batch), True
        if stage_id is None:
            return False
        await self.enqueue_release(file, stage_id, comes=recalling)
        return True

    async def enqueue_release(self, file: FileRow, stage_id: str, *, comes: bool = True) -> None:
        """Stores a pin to be released; `comes` is whether the archive may still be recalling the
        file.
        """
        pin = {"stage_id": stage_id, "path": file.path, "comes": comes}
        with translate_errors():
            await self._pins.update_one(
                {"_id": f"{stage_id}/{file.id}"}, {"$set": pin}, upsert=True
            )
        self._signals.pin_releaser.set()

    async def exists(self) -> bool:
        """Returns whether there is any batch."""
        with translate_errors():
            return await self._rows.find_one({}, {"_id": 1}) is not None

    async def any_pins(self) -> bool:
        """Returns whether any pin is to be released."""
        with translate_errors():
            return await self._pins.find_one({}, {"_id": 1}) is not None

    async def pins_to_release(self) -> tuple[str, list[Doc]] | None:
        """Returns the id of a stage request and pins of it, or None."""
        with translate_errors():
            first = await self._pins.find_one({})
            if first is None:
                return None
            pins = self._pins.find({"stage_id": first["stage_id"]}).limit(PINS_PER_RELEASE)
            return first["stage_id"], [row async for row in pins]

    async def delete_pins(self, pins: Sequence[Doc]) -> None:
        with translate_errors():
            await self._pins.delete_many({"_id": {"$in": [pin["_id"] for pin in pins]}})

    async def counts(self) -> dict[str, int]:
        """Counts batches and pins, for /status."""
        with translate_errors():
            return {
                "stage_requests": await self._rows.count_documents({"state": "submitted"}),
                "stage_requests_doubtful": await self._rows.count_documents({"state": "intended"}),
                "pins_to_release": await self._pins.count_documents({}),
            }
