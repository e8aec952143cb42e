"""What a downloader remembers, without its workers, for tests of single steps."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from portal_downloader.archives.tape_locations import TapeLocator
from portal_downloader.archives.wlcg import WlcgArchive
from portal_downloader.cache.disk import Cache
from portal_downloader.cache.eviction import CacheSpace
from portal_downloader.domain.estimates import Throughput
from portal_downloader.domain.file_rows import new_row_fields
from portal_downloader.settings import DownloaderSettings
from portal_downloader.staging.planner import Planner
from portal_downloader.staging.progress import LARGE_DATASET_FILES, ProgressPublisher
from portal_downloader.staging.submitter import Submitter
from portal_downloader.store.batches import Batches
from portal_downloader.store.contents import Contents
from portal_downloader.store.datasets import Datasets
from portal_downloader.store.file_row import file_id
from portal_downloader.store.files import Files
from portal_downloader.store.requests import Requests
from portal_downloader.store.signals import Signals
from portal_downloader.store.stores import Stores
from portal_shared.contracts.events import DownloadRequested
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime import mongo
from portal_shared.runtime.mongo import Client, Database, Doc
from portal_shared.runtime.settings import Settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def stores_on(database: Database) -> Stores:
    bells = Signals()
    return Stores(
        Datasets(database, 30, bells), Files(database, 30, bells), Requests(database, 30, bells),
        Batches(database, 30, bells), Contents(database),
    )  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """What a downloader remembers, without its workers."""

    settings: DownloaderSettings
    client: Client
    database: Database
    stores: Stores
    cache: Cache

    def on(self, database: Database) -> "Kept":
        """The same by another connection."""
        return replace(self, database=database, stores=stores_on(database))

    async def add(self, *files: Doc, pid: str = "p", **fields: Any) -> None:
        """Files of a dataset as their list has them, and what differs."""
        rows: list[Doc] = []
        for n, file in enumerate(files):
            told = {"path": f"/d/{file['location']}", "size": 10, "sha256": f"{n:064x}", **file}
            row = {**new_row_fields(told, in_cache=False, now=NOW), **told, **fields}
            rows.append({**row, "_id": file_id(pid, file["location"]), "pid": pid, "version": 1})
        await self.stores.files.rows.insert_many(rows)

    async def publish(self, *files: Doc, pid: str = "p") -> list[str]:
        """A dataset that everybody may have; the locations of its files."""
        row: Doc = {"_id": pid, "version": 1, "list_version": 1, "is_public": True}
        await self.stores.datasets.rows.insert_one({**row, "files": len(files)})
        await self.add(*files, pid=pid)
        return [file["location"] for file in files]

    async def ask(self, *locations: str, pid: str = "p") -> None:
        """By the one request there is, named `r`."""
        asked = DownloadRequested(request_id="r", pid=pid, locations=locations or None)
        await self.stores.requests.create(asked)

    async def request(self) -> Doc:
        row = await self.database["requests"].find_one({"_id": "r"})
        assert row is not None
        return row

    def planning(self) -> Planner:
        outbox, locator = Outbox(self.database, "downloader"), TapeLocator(None, timeout=1)
        return Planner(
            self.settings,
            self.stores,
            cache=self.cache,
            client=self.client,
            outbox=outbox,
            locator=locator,
        )

    def telling(self, *, many: int = LARGE_DATASET_FILES) -> ProgressPublisher:
        outbox = Outbox(self.database, "downloader")
        return ProgressPublisher(
            self.stores,
            client=self.client,
            outbox=outbox,
            pause=0,
            throughput=Throughput(),
            blocked_reason=lambda: None,
            large_dataset_files=many,
        )

    async def availability(self, *pids: str) -> list[str | None]:
        """As it was told."""
        found = [await self.stores.datasets.find(pid) for pid in pids]
        return [row.get("availability") if row else None for row in found]

    def submitting(self, archive: WlcgArchive, **settings: Any) -> Submitter:
        told = self.settings.model_copy(update={"window_seconds": 0.0, **settings})
        stores = self.stores
        space = CacheSpace(told, contents=stores.contents, files=stores.files, cache=self.cache)
        return Submitter(told, stores, archive=archive, space=space)

    async def state(self, location: str, pid: str = "p") -> str:
        row = await self.stores.files.find(pid, location)
        assert row is not None
        return str(row["state"])


@pytest.fixture
async def kept(settings: Settings, tape: Any, tmp_path: Path) -> AsyncIterator[Kept]:
    told = DownloaderSettings.model_validate(
        {
            "mongo_url": settings.mongo_url,
            "database_prefix": settings.database_prefix,
            "tape_url": tape.url,
        }
    )
    client = mongo.connect(told)
    database = mongo.database(client, told, "downloader")
    stores = stores_on(database)
    cache = Cache(tmp_path / "cache")
    cache.prepare()
    for part in (stores.datasets, stores.files, stores.requests, stores.batches, stores.contents):
        await part.prepare()
    yield Kept(told, client, database, stores, cache)
    await client.drop_database(database.name)
    client.close()
