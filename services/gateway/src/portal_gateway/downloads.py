"""Download requests as their users see them; what is done about them, the downloader says."""

import asyncio
import contextlib
import hashlib
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

from portal_shared.data_paths import data_path
from portal_shared.errors import Conflict, Invalid, NotFound
from portal_shared.events import (
    DownloadFailed,
    DownloadProgressed,
    DownloadReady,
    DownloadRequested,
)
from portal_shared.model import bare_doi, utc_text
from portal_shared.mongo import Database, Doc, DuplicateKeyError, Session, transaction, translated
from portal_shared.service import Service

from portal_gateway.asking import Wish

KEPT = timedelta(days=30)  # after the last change
LOOKED_UP_AT_ONCE = 1000
DONE = ("ONLINE", "FAILED")


class Downloads:
    """Reads the catalogue, writes its own collection; says what is requested."""

    def __init__(self, service: Service, catalogue: Database) -> None:
        self._client = service.client
        self._outbox = service.outbox
        self._rows = service.database["downloads"]
        self._datasets = catalogue["datasets"]
        self._files = catalogue["files"]
        self._changed: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()
        service.prepare(self.prepare)

    async def prepare(self) -> None:
        """Make the indexes."""
        with translated():
            await self._rows.create_index(
                "updated_at", expireAfterSeconds=int(KEPT.total_seconds())
            )

    async def request(self, wish: Wish, key: str | None) -> Doc:
        """The row of a new request, or of the one made under this key before.

        Raises NotFound, Invalid or Conflict with the reason.
        """
        made = str(uuid.uuid4())
        if key is not None:
            made = str(uuid.UUID(bytes=hashlib.sha256(key.encode()).digest()[:16]))
            before = await self._before(made, wish)
            if before is not None:
                return before
        dataset = await self._dataset(wish.pid)
        files, size = await self._extent(dataset, wish.files)
        now = datetime.now(UTC)
        row: Doc = {
            "_id": made,
            "pid": dataset["_id"],
            "asked": wish.pid,
            "locations": None if wish.files is None else list(wish.files),
            "state": "ARCHIVED",
            "done": False,
            "version": 0,
            "files": files,
            "files_online": 0,
            "files_failed": 0,
            "bytes": size,
            "bytes_online": 0,
            "reason": None,
            "created_at": now,
            "updated_at": now,
        }
        event = DownloadRequested(request_id=made, pid=dataset["_id"], locations=wish.files)

        async def work(session: Session) -> None:
            await self._rows.insert_one(row, session=session)
            await self._outbox.add(session, [event])

        try:
            await transaction(self._client, work)
        except DuplicateKeyError:  # the same key, at the same moment
            return await self._before(made, wish) or await self.find(made)
        return row

    async def _before(self, request_id: str, wish: Wish) -> Doc | None:
        with translated():
            row = await self._rows.find_one({"_id": request_id})
        if row is None:
            return None
        locations = None if wish.files is None else list(wish.files)
        if (row["asked"], row["locations"]) != (wish.pid, locations):
            raise Conflict("was used for another request", field="Idempotency-Key")
        return row

    async def _dataset(self, named: str) -> Doc:
        """By pid, or by a DOI that one dataset alone has."""
        public: Doc = {"public": True, "record": {"$exists": True}}
        with translated():
            row = await self._datasets.find_one({"_id": named, **public})
            if row is None:
                found = self._datasets.find({"told_doi": bare_doi(named), **public}).limit(2)
                same = [r async for r in found]
                row = same[0] if len(same) == 1 else None
        if row is None:
            raise NotFound(f"no public dataset {named!r}", field="pid")
        return row

    async def _extent(self, dataset: Doc, locations: Sequence[str] | None) -> tuple[int, int]:
        """Files and bytes asked for."""
        record = dataset["record"]
        summary = record["files"]
        if not record.get("folder") or not summary["count"]:
            raise Conflict(f"the archive has no files of {dataset['_id']!r}", field="pid")
        if locations is None:
            return summary["count"], summary["bytes"]
        sizes: dict[str, int] = {}
        for start in range(0, len(locations), LOOKED_UP_AT_ONCE):
            named = list(locations[start : start + LOOKED_UP_AT_ONCE])
            which = {"pid": dataset["_id"], "location": {"$in": named}}
            with translated():
                async for row in self._files.find(which, {"location": 1, "size": 1}):
                    sizes[row["location"]] = row.get("size") or 0
        for number, location in enumerate(locations):
            if location not in sizes:
                reason = f"the dataset has no file {location[:200]!r}"
                raise Invalid(reason, field=f"files[{number}]")
        return len(locations), sum(sizes.values())

    async def find(self, request_id: str) -> Doc:
        """Raises NotFound."""
        with translated():
            row = await self._rows.find_one({"_id": request_id})
        if row is None:
            raise NotFound(f"no download {request_id[:100]!r}")
        return row

    async def progressed(self, event: DownloadProgressed) -> None:
        told = event.model_dump(exclude={"request_id", "version"})
        await self._apply(event.request_id, event.version, told)

    async def ready(self, event: DownloadReady) -> None:
        counts = {"files": event.files, "files_online": event.files, "files_failed": 0}
        sizes = {"bytes": event.bytes, "bytes_online": event.bytes}
        await self._apply(
            event.request_id, event.version, {"state": "ONLINE", "done": True, **counts, **sizes}
        )

    async def failed(self, event: DownloadFailed) -> None:
        told = event.model_dump(exclude={"request_id", "version"})
        await self._apply(
            event.request_id, event.version, {**told, "state": "FAILED", "done": True}
        )

    async def _apply(self, request_id: str, version: int, told: dict[str, Any]) -> None:
        """What is told, if it is newer than what is known."""
        change = {**told, "version": version, "updated_at": datetime.now(UTC)}
        with translated():
            await self._rows.update_one(
                {"_id": request_id, "version": {"$lt": version}}, {"$set": change}
            )
        changed = self._changed.pop(request_id, None)
        if changed is not None:
            changed.set()

    async def wait(self, request_id: str, seconds: float) -> None:
        """Until something is told of it here, at most so long: replicas hear other events."""
        changed = self._changed.get(request_id) or asyncio.Event()
        self._changed[request_id] = changed
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await changed.wait()


def told(row: Doc) -> dict[str, Any]:
    """A request as its user sees it."""
    address = f"/api/downloads/{row['_id']}"
    counts = ("files", "files_online", "files_failed", "bytes", "bytes_online")
    return {
        "id": row["_id"],
        "pid": row["pid"],
        "state": row["state"],
        "done": row["done"],
        **{name: row[name] for name in counts},
        "reason": row["reason"],
        "created": utc_text(row["created_at"]),
        "updated": utc_text(row["updated_at"]),
        "self": address,
        "events": f"{address}/events",
        "data": data_path(row["pid"]),
    }
