"""A request of many files: how long until all are queued, and what memory it takes.

Beside it what the database needs to read the same rows once and to change them once.
"""

import os
import resource
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from portal_downloader.batches import Batches
from portal_downloader.bells import Bells
from portal_downloader.cache import Cache
from portal_downloader.contents import Contents
from portal_downloader.datasets import Datasets
from portal_downloader.listing import fresh
from portal_downloader.places import Places
from portal_downloader.planning import Planning
from portal_downloader.requests import Requests
from portal_downloader.rows import Files, file_id
from portal_downloader.settings import DownloaderSettings
from portal_downloader.stores import Stores
from portal_shared import mongo
from portal_shared.events import DownloadRequested
from portal_shared.outbox import Outbox

FILES, AT_ONCE = int(os.environ.get("PORTAL_BENCH_FILES", "10000")), 2500
NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def test_planning(mongo_server: str, tmp_path: Path) -> None:
    settings = DownloaderSettings.model_validate(
        {"mongo_url": mongo_server, "database_prefix": f"planning-{uuid.uuid4().hex[:8]}_"}
    )
    client = mongo.connect(settings)
    database = mongo.database(client, settings, "downloader")
    bells = Bells()
    stores = Stores(
        Datasets(database, 30, bells), Files(database, 30, bells), Requests(database, 30, bells),
        Batches(database, 30, bells), Contents(database), Cache(tmp_path),
    )  # fmt: skip
    stores.cache.prepare()
    for part in (stores.datasets, stores.files, stores.requests, stores.batches, stores.contents):
        await part.prepare()
    await _fill(stores)
    planner = Planning(
        settings, stores, client=client, outbox=Outbox(database, "downloader"),
        places=Places(None, timeout=1),
    )  # fmt: skip
    rows = stores.files.rows
    began = time.monotonic()
    async for _ in rows.find({"pid": "p"}):
        pass
    read = time.monotonic() - began
    began = time.monotonic()
    await rows.update_many({"pid": "p"}, {"$set": {"touched": True}})
    changed = time.monotonic() - began
    await stores.requests.keep(DownloadRequested(request_id="r", pid="p", locations=None))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    assert await planner.step()
    took = time.monotonic() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    queued = await rows.count_documents({"state": "queued"})
    print(
        f"\n{queued} files queued in {took:.1f} s, {grown:.0f} MB more at most; "
        f"{took / (read + changed):.2f} of reading ({read:.1f} s) and changing ({changed:.1f} s) "
        "the rows once"
    )
    await client.drop_database(database.name)
    client.close()


async def _fill(stores: Stores) -> None:
    await stores.datasets.rows.insert_one(
        {"_id": "p", "version": 1, "list_version": 1, "is_public": True, "changes": 0}
    )
    for start in range(0, FILES, AT_ONCE):
        rows = []
        for n in range(start, start + AT_ONCE):
            location = f"{n // 1000:03}/{n:06}.tif"
            told = {"path": f"/d/{location}", "size": 10**8, "sha256": f"{n:064x}"}
            row = fresh(told, in_cache=False, now=NOW)
            named = {"_id": file_id("p", location), "pid": "p", "location": location, "version": 1}
            rows.append({**named, **row})
        await stores.files.rows.insert_many(rows)
