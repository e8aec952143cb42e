"""Stage requests as rows in MongoDB, and the pins to let go.

A batch is intended before it is submitted, so that a submission whose answer was lost is found.
"""

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from portal_shared.runtime.mongo import ASCENDING, Database, Doc, ReturnDocument, translate_errors

from portal_downloader.store.files import FileRow
from portal_downloader.store.signals import Bells

PINS_AT_ONCE = 500


@dataclass(frozen=True)
class Batch:
    id: str
    stage_id: str
    pause: float  # before the last look


class Batches:
    def __init__(self, database: Database, lease: float, bells: Bells) -> None:
        self._bells = bells
        self._rows = database["batches"]
        self._pins = database["pins"]
        self._lease = timedelta(seconds=lease)

    async def prepare(self) -> None:
        """Make the indexes."""
        with translate_errors():
            await self._rows.create_index([("state", ASCENDING), ("due", ASCENDING)])
            await self._pins.create_index([("stage_id", ASCENDING)])

    async def intend(self) -> str:
        """A new batch; it is taken for lost if it is not accepted within the lease."""
        made = uuid.uuid4().hex
        due = datetime.now(UTC) + self._lease
        with translate_errors():
            await self._rows.insert_one({"_id": made, "state": "intended", "due": due})
        return made

    async def accepted(self, batch: str, stage_id: str, pause: float) -> None:
        due = datetime.now(UTC) + timedelta(seconds=pause)
        fields = {"state": "submitted", "stage_id": stage_id, "due": due, "pause": pause}
        with translate_errors():
            await self._rows.update_one({"_id": batch}, {"$set": fields}, upsert=True)
        self._bells.polling.ring()

    async def doubtful(self, batch: str) -> None:
        """Nobody knows whether it was accepted: found out next."""
        now = datetime.now(UTC)
        with translate_errors():
            await self._rows.update_one({"_id": batch, "state": "intended"}, {"$set": {"due": now}})
        self._bells.submitting.ring()

    async def stage_id(self, batch: str) -> str | None:
        """None when it was never told, or the batch has ended."""
        with translate_errors():
            row = await self._rows.find_one({"_id": batch})
        return row.get("stage_id") if row else None

    async def claim_doubtful(self) -> str | None:
        """A batch that was intended and never heard of again."""
        row = await self._claim("intended")
        return row["_id"] if row else None

    async def claim_due(self) -> Batch | None:
        """A batch to look at; not given to another for a while."""
        row = await self._claim("submitted")
        return Batch(row["_id"], row["stage_id"], row["pause"]) if row else None

    async def seconds_to_next(self) -> float:
        """Until a batch is to be looked at; infinite when there is none."""
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

    async def look_again(self, batch: str, pause: float) -> None:
        due = datetime.now(UTC) + timedelta(seconds=pause)
        with translate_errors():
            await self._rows.update_one({"_id": batch}, {"$set": {"due": due, "pause": pause}})

    async def end(self, batch: str) -> None:
        """Nothing of it is on its way any more."""
        with translate_errors():
            await self._rows.delete_one({"_id": batch})

    async def let_go(self, file: FileRow) -> bool:
        """Its copy is made, or not wanted: the archive need not keep it on disk, nor bring it.

        False where no request for it is known: one whose id we never get has pins that run out.
        """
        stage_id, comes = file.stage_id, False
        if stage_id is None and file.batch is not None:
            stage_id, comes = await self.stage_id(file.batch), True
        if stage_id is None:
            return False
        await self.call_off(file, stage_id, comes=comes)
        return True

    async def call_off(self, file: FileRow, stage_id: str, *, comes: bool = True) -> None:
        """This request for it; `comes` if the archive may be bringing it."""
        pin = {"stage_id": stage_id, "path": file.path, "comes": comes}
        with translate_errors():
            await self._pins.update_one(
                {"_id": f"{stage_id}/{file.id}"}, {"$set": pin}, upsert=True
            )
        self._bells.releasing.ring()

    async def any(self) -> bool:
        with translate_errors():
            return await self._rows.find_one({}, {"_id": 1}) is not None

    async def any_pins(self) -> bool:
        """Whether one is to be let go."""
        with translate_errors():
            return await self._pins.find_one({}, {"_id": 1}) is not None

    async def pins_to_release(self) -> tuple[str, list[Doc]] | None:
        """The id of a stage request, and rows of it."""
        with translate_errors():
            first = await self._pins.find_one({})
            if first is None:
                return None
            rows = self._pins.find({"stage_id": first["stage_id"]}).limit(PINS_AT_ONCE)
            return first["stage_id"], [row async for row in rows]

    async def released(self, pins: Sequence[Doc]) -> None:
        with translate_errors():
            await self._pins.delete_many({"_id": {"$in": [pin["_id"] for pin in pins]}})

    async def counts(self) -> dict[str, int]:
        with translate_errors():
            return {
                "stage_requests": await self._rows.count_documents({"state": "submitted"}),
                "stage_requests_doubtful": await self._rows.count_documents({"state": "intended"}),
                "pins_to_release": await self._pins.count_documents({}),
            }
