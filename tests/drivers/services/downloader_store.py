"""The downloader's repositories without its workers, for tests of single steps."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
from portal_downloader.store.damages import Damages
from portal_downloader.store.datasets import Datasets
from portal_downloader.store.files import Files
from portal_downloader.store.requests import Requests
from portal_downloader.store.resident_files import ResidentFiles
from portal_downloader.store.rows.file import file_id
from portal_downloader.store.signals import Signals
from portal_downloader.store.stores import Stores
from portal_shared.contracts.events import DownloadRequested
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime import mongo
from portal_shared.runtime.mongo import Client, Database, Doc
from portal_shared.runtime.settings import Settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def stores_on(database: Database) -> Stores:
    signals = Signals()
    files = Files(database, 30, signals)
    return Stores(
        Datasets(database, 30, signals),
        files,
        Requests(database, 30, signals),
        Batches(database, 30, signals),
        Contents(database),
        Damages(database),
        ResidentFiles(files),
    )


@dataclass(frozen=True)
class DownloaderStore:
    """Repositories, cache and settings of a downloader that does not run."""

    settings: DownloaderSettings
    client: Client
    database: Database
    stores: Stores
    cache: Cache

    def on(self, database: Database) -> "DownloaderStore":
        """Returns the same with another connection."""
        return replace(self, database=database, stores=stores_on(database))

    async def add_files(self, *files: Doc, pid: str = "p", **fields: Any) -> None:
        """Inserts files of a dataset as their list has them, with these fields changed."""
        rows: list[Doc] = []
        for n, file in enumerate(files):
            listed = {"path": f"/d/{file['location']}", "size": 10, "sha256": f"{n:064x}", **file}
            row = {**new_row_fields(listed, in_cache=False, now=NOW), **listed, **fields}
            rows.append({**row, "_id": file_id(pid, file["location"]), "pid": pid, "version": 1})
        await self.stores.files.rows.insert_many(rows)

    async def add_dataset(self, *files: Doc, pid: str = "p") -> list[str]:
        """Inserts a public dataset; returns the locations of its files."""
        row: Doc = {"_id": pid, "version": 1, "list_version": 1, "is_public": True}
        await self.stores.datasets.rows.insert_one({**row, "files": len(files)})
        await self.add_files(*files, pid=pid)
        return [file["location"] for file in files]

    async def add_request(self, *locations: str, pid: str = "p") -> None:
        """Stores the request `r` for these files."""
        event = DownloadRequested(request_id="r", pid=pid, locations=locations or None)
        await self.stores.requests.create(event)

    async def request_row(self) -> Doc:
        row = await self.database["requests"].find_one({"_id": "r"})
        assert row is not None
        return row

    def planner(self) -> Planner:
        outbox, locator = Outbox(self.database, "downloader"), TapeLocator(None, timeout=1)
        return Planner(
            self.settings,
            self.stores,
            cache=self.cache,
            client=self.client,
            outbox=outbox,
            locator=locator,
        )

    def publisher(self, *, large_dataset_files: int = LARGE_DATASET_FILES) -> ProgressPublisher:
        outbox = Outbox(self.database, "downloader")
        return ProgressPublisher(
            self.stores,
            client=self.client,
            outbox=outbox,
            pause=0,
            throughput=Throughput(),
            blocked_reason=lambda: None,
            large_dataset_files=large_dataset_files,
        )

    async def availability(self, *pids: str) -> list[str | None]:
        """Returns the stored availabilities of these datasets."""
        found = [await self.stores.datasets.find(pid) for pid in pids]
        return [one.availability if one else None for one in found]

    def submitter(self, archive: WlcgArchive, **settings: Any) -> Submitter:
        changed = self.settings.model_copy(update={"window_seconds": 0.0, **settings})
        stores = self.stores
        space = CacheSpace(changed, contents=stores.contents, files=stores.files, cache=self.cache)
        return Submitter(changed, stores, archive=archive, space=space)

    async def state(self, location: str, pid: str = "p") -> str:
        row = await self.stores.files.find(pid, location)
        assert row is not None
        return str(row.state)


@asynccontextmanager
async def open_store(
    settings: Settings, tape_url: str, folder: Path
) -> AsyncGenerator[DownloaderStore]:
    """Creates the repositories in an empty database, which is deleted at the end."""
    own_settings = DownloaderSettings.model_validate(
        {
            "mongo_url": settings.mongo_url,
            "database_prefix": settings.database_prefix,
            "tape_url": tape_url,
        }
    )
    client = mongo.connect(own_settings)
    database = mongo.database(client, own_settings, "downloader")
    stores = stores_on(database)
    cache = Cache(folder / "cache")
    cache.prepare()
    for part in (stores.datasets, stores.files, stores.requests, stores.batches, stores.contents):
        await part.prepare()
    yield DownloaderStore(own_settings, client, database, stores, cache)
    await client.drop_database(database.name)
    client.close()
