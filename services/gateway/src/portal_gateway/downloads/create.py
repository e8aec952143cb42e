"""Creates download requests: resolves the dataset, checks the quota, is idempotent by key."""

import asyncio
import contextlib
import hashlib
import re
import secrets
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from weakref import WeakValueDictionary

from portal_shared.contracts.identifiers import bare_doi
from portal_shared.runtime.errors import Conflict, Invalid, NotFound, TooMany, Unavailable
from portal_shared.runtime.mongo import Database, Doc, DuplicateKeyError, translate_errors
from portal_shared.service.app import Service

from portal_gateway.catalogue import DOI
from portal_gateway.downloads.download import Download
from portal_gateway.downloads.quota import DailyQuota, Quota, requester_id
from portal_gateway.downloads.repository import Downloads
from portal_gateway.downloads.request import MAX_FILES, DownloadRequest
from portal_gateway.downloads.webhooks import Webhooks
from portal_gateway.settings import GatewaySettings

QUOTA_PERIOD = timedelta(days=1)
LOCATIONS_PER_QUERY = 1000


class DownloadCreator:
    def __init__(
        self,
        service: Service,
        catalogue: Database,
        downloads: Downloads,
        settings: GatewaySettings,
        webhooks: Webhooks,
    ) -> None:
        self._webhooks = webhooks
        self._downloads = downloads
        self._datasets = catalogue["datasets"]
        self._files = catalogue["files"]
        self._keys = service.database["keys"]
        self._requester_key: bytes | None = None
        self._quota = Quota(
            settings.most_downloads_waiting,
            settings.most_files_waiting,
            settings.most_bytes_waiting,
        )
        self._daily_quota = DailyQuota(
            settings.most_downloads_a_day, settings.most_files_listed_a_day
        )
        self._max_notices = settings.most_notices_a_day
        self._sends_mail = settings.smtp_host is not None
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def identify(self, host: str | None) -> str:
        """Returns the identifier of the requester with this network address."""
        return requester_id(host, await self._load_requester_key())

    async def _load_requester_key(self) -> bytes:
        """Loads the key of requester identifiers: created once, shared by all replicas."""
        if self._requester_key is None:
            new = {"$setOnInsert": {"key": secrets.token_bytes(32)}}
            query = {"_id": "readers"}
            with translate_errors():
                with contextlib.suppress(DuplicateKeyError):  # created by another replica
                    await self._keys.update_one(query, new, upsert=True)
                row = await self._keys.find_one(query)
            self._requester_key = bytes(row["key"]) if row else None
        if self._requester_key is None:
            raise Unavailable("The key of requester identifiers cannot be read")
        return self._requester_key

    async def create(
        self, request: DownloadRequest, key: str | None, requester: str = ""
    ) -> Download:
        """Creates a download, or returns the one that the requester created with the same key.

        Raises NotFound, Invalid, Conflict or TooMany; Invalid also for a webhook whose host may
        not be called.
        """
        request_id = str(uuid.uuid4())
        if key is not None:
            scoped = f"{requester} {key}"  # two requesters may choose the same key
            request_id = str(uuid.UUID(bytes=hashlib.sha256(scoped.encode()).digest()[:16]))
            existing = await self._find_existing(request_id, request)
            if existing is not None:
                return existing
        dataset = await self._load_dataset(request.pid)
        locations = await self._locations(dataset, request)
        files, size = await self._measure(dataset, locations)
        now = datetime.now(UTC)
        download = Download(
            id=request_id,
            pid=dataset["_id"],
            requested_pid=request.pid,
            locations=locations,
            requester=requester,
            notify=self._notify(request),
            state="ARCHIVED",
            done=False,
            version=0,
            files=files,
            files_online=0,
            files_failed=0,
            bytes=size,
            bytes_online=0,
            reason=None,
            created_at=now,
            updated_at=now,
        )
        # Concurrent requests are checked in sequence, so they cannot exceed the quota together.
        async with self._locks.setdefault(requester, asyncio.Lock()):
            if key is not None:
                existing = await self._find_existing(request_id, request)
                if existing is not None:
                    return existing
            await self._check_quota(download, is_online=dataset.get("availability") == "ONLINE")
            if request.webhook:
                await self._webhooks.check(request.webhook)
            is_new = await self._downloads.insert(download)
        if is_new:
            return download
        existing = await self._find_existing(request_id, request)
        return existing or await self._downloads.load(request_id)

    async def _find_existing(self, request_id: str, request: DownloadRequest) -> Download | None:
        existing = await self._downloads.find(request_id)
        if existing is None:
            return None
        locations = request.files
        if request.folder is not None:
            locations = await self._locations(await self._load_dataset(request.pid), request)
        if (existing.requested_pid, existing.locations) != (request.pid, locations):
            raise Conflict("was used before for a different request", field="Idempotency-Key")
        return existing

    async def _check_quota(self, download: Download, *, is_online: bool) -> None:
        """Raises TooMany or Invalid. Of files that are online only the requests count."""
        requester = download.requester
        if not requester:
            return
        since = download.created_at - QUOTA_PERIOD
        requested = await self._downloads.sum_requested(requester, since)
        self._daily_quota.check(requested, listed=len(download.locations or ()))
        if not is_online:
            pending = await self._downloads.sum_pending(requester)
            self._quota.check(pending, files=download.files, size=download.bytes)
        if download.notify:
            count = await self._downloads.count_notices(requester, since, self._max_notices)
            if count >= self._max_notices:
                raise TooMany(
                    f"You requested {count} notices within a day; the limit is"
                    f" {self._max_notices}. Repeat the request without email and webhook, and"
                    " read the state of the download at its own address."
                )

    async def _load_dataset(self, name: str) -> Doc:
        """Loads a dataset by pid, or by DOI if no other dataset shares it. Raises NotFound."""
        public: Doc = {"public": True, "record": {"$exists": True}}
        with translate_errors():
            row = await self._datasets.find_one({"_id": name, **public})
            if row is None:
                cursor = self._datasets.find({DOI: bare_doi(name), **public}).limit(2)
                sharing = [r async for r in cursor]
                row = sharing[0] if len(sharing) == 1 else None
        if row is None:
            raise NotFound(f"there is no public dataset {name!r}", field="pid")
        return row

    async def _locations(self, dataset: Doc, request: DownloadRequest) -> tuple[str, ...] | None:
        """Returns the locations that are requested; None for all. Raises Invalid."""
        if request.folder is None:
            return request.files
        start = {"$regex": f"^{re.escape(request.folder)}"}
        query = {"pid": dataset["_id"], "location": start}
        with translate_errors():
            cursor = self._files.find(query, {"location": 1}).limit(MAX_FILES + 1)
            found = [row["location"] async for row in cursor]
        if not found:
            reason = f"the dataset has no files below {request.folder[:200]!r}"
            raise Invalid(reason, field="folder")
        if len(found) > MAX_FILES:
            reason = f"has more than {MAX_FILES} files; leave it out to request all files"
            raise Invalid(reason, field="folder")
        return tuple(sorted(found))

    async def _measure(self, dataset: Doc, locations: Sequence[str] | None) -> tuple[int, int]:
        """Returns number and bytes of the requested files. Raises Conflict or Invalid."""
        record = dataset["record"]
        summary = record["files"]
        if not record.get("folder") or not summary["count"]:
            raise Conflict(f"the archive has no files of {dataset['_id']!r}", field="pid")
        if locations is None:
            return summary["count"], summary["bytes"]
        sizes: dict[str, int] = {}
        for start in range(0, len(locations), LOCATIONS_PER_QUERY):
            some = list(locations[start : start + LOCATIONS_PER_QUERY])
            query = {"pid": dataset["_id"], "location": {"$in": some}}
            with translate_errors():
                async for row in self._files.find(query, {"location": 1, "size": 1}):
                    sizes[row["location"]] = row.get("size") or 0
        for number, location in enumerate(locations):
            if location not in sizes:
                reason = f"the dataset has no file {location[:200]!r}"
                raise Invalid(reason, field=f"files[{number}]")
        return len(locations), sum(sizes.values())

    def _notify(self, request: DownloadRequest) -> dict[str, str]:
        """Returns the addresses of notices by channel. Raises Invalid."""
        if request.email and not self._sends_mail:
            raise Invalid("this portal does not send e-mail: leave it out", field="email")
        channels = {"email": request.email, "webhook": request.webhook}
        return {channel: address for channel, address in channels.items() if address}
