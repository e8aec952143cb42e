"""Planning a request of many files: time until its first portion is queued, memory, and pace.

A planned request has its first files queued and a progress event published. The baseline is the
time the database needs to update as many rows with one command.
"""

import os
import resource
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from portal_downloader.archives.tape_locations import TapeLocator
from portal_downloader.cache.disk import Cache
from portal_downloader.domain.file_rows import new_row_fields
from portal_downloader.settings import DownloaderSettings
from portal_downloader.staging.planner import Planner
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
from portal_shared.contracts.events import FILES_PER_PART, DownloadRequested
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime import mongo
from portal_shared.runtime.mongo import Doc

FILES = int(os.environ.get("PORTAL_BENCH_FILES", "100000"))
FOLLOWING = 5  # portions of which the pace is measured
NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def test_planning(mongo_server: str, tmp_path: Path) -> None:
    settings = DownloaderSettings.model_validate(
        {"mongo_url": mongo_server, "database_prefix": f"planning-{uuid.uuid4().hex[:8]}_"}
    )
    client = mongo.connect(settings)
    database = mongo.database(client, settings, "downloader")
    signals = Signals()
    files = Files(database, 30, signals)
    stores = Stores(
        Datasets(database, 30, signals),
        files,
        Requests(database, 30, signals),
        Batches(database, 30, signals),
        Contents(database),
        Damages(database),
        ResidentFiles(files),
    )
    cache = Cache(tmp_path)
    cache.prepare()
    await _fill(stores)
    for part in (stores.datasets, stores.files, stores.requests, stores.batches, stores.contents):
        await part.prepare()
    planner = Planner(
        settings, stores, cache=cache, client=client, outbox=Outbox(database, "downloader"),
        locator=TapeLocator(None, timeout=1),
    )  # fmt: skip
    await stores.requests.create(DownloadRequested(request_id="r", pid="p", locations=None))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    assert await planner.step()
    took = time.monotonic() - began
    [request] = await stores.requests.open_for(["p"])
    first = await stores.files.rows.count_documents({"state": "queued"})
    began = time.monotonic()
    for _ in range(FOLLOWING):
        assert await planner.step()
    followed = time.monotonic() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    more = await stores.files.rows.count_documents({"state": "queued"}) - first
    changed = await _changed(stores, first)
    assert request.following
    print(
        f"\na request for {FILES} files is planned in {took:.2f} s, {first} of them queued: "
        f"{took / changed:.2f} of changing as many rows by one command ({changed:.2f} s); others "
        f"follow at {more / followed:.0f} files/s; {grown:.0f} MB more at most"
    )
    await client.drop_database(database.name)
    client.close()


async def _changed(stores: Stores, files: int) -> float:
    """Seconds that the database needs to change so many rows at once."""
    last = f"{(FILES - 1 - files) // 1000:03}/{FILES - 1 - files:06}.tif"
    which = {"pid": "p", "location": {"$gt": last, "$lte": "\U0010ffff"}}
    began = time.monotonic()
    result = await stores.files.rows.update_many(which, {"$set": {"state": "queued"}})
    assert result.modified_count == files
    return time.monotonic() - began


async def _fill(stores: Stores) -> None:
    await stores.datasets.rows.insert_one(
        {"_id": "p", "version": 1, "list_version": 1, "is_public": True, "files": FILES}
    )
    borders: list[str] = []
    for start in range(0, FILES, FILES_PER_PART):
        rows: list[Doc] = []
        for n in range(start, min(FILES, start + FILES_PER_PART)):
            location = f"{n // 1000:03}/{n:06}.tif"
            file = {"path": f"/d/{location}", "size": 10**8, "sha256": f"{n:064x}"}
            row = new_row_fields(file, in_cache=False, now=NOW)
            key = {"_id": file_id("p", location), "pid": "p", "location": location, "version": 1}
            rows.append({**key, **row})
        await stores.files.rows.insert_many(rows)
        borders.append(rows[-1]["location"])
    await stores.datasets.save_boundaries("p", borders)
