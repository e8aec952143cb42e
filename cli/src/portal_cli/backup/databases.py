"""Reads all databases of the portal into an archive, and writes them back into an empty instance.

The registry of DOIs comes first: nobody can make it again. Each database is read as it was at one
moment, if the server can do that (a replica set of MongoDB). If it cannot, what causes other rows
is read before them: work is done twice rather than forgotten, and all of it can be done twice.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import portal_shared
from portal_shared.runtime import mongo

from portal_cli.backup.archive import Manifest, new_archive, read_manifest, read_parts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from portal_shared.runtime.settings import Settings

    from portal_cli.backup.archive import ArchiveWriter

DATABASES = ("doi", "ingest", "gateway", "downloader", "catalogue")
READ_FIRST = ("jobs", "job_contents", "identifiers")
PART_BYTES = 4 * 2**20  # a part is closed when it has so many
OF_RECORDS = {  # an instance is empty if these are; services add rows of their own to others
    "doi": ("identifiers",),
    "ingest": ("jobs", "records"),
    "gateway": ("downloads",),
    "downloader": ("datasets", "requests", "files"),
    "catalogue": ("documents", "datasets", "instruments"),
}


class NotEmpty(Exception):
    """The instance has records. The message names the first collection that has."""


async def back_up(settings: Settings, path: Path, report: Callable[[str], None]) -> Manifest:
    """Writes the archive while the portal is in use; `report` gets a line for each database.

    Raises Unavailable, FileExistsError, and OperationFailure if a database takes longer to read
    than the server remembers one moment of it.
    """
    client = mongo.connect(settings)
    try:
        with mongo.translate_errors():
            async with mongo.snapshot_session(client) as session:
                has_snapshots = session is not None
        now = datetime.now(UTC).isoformat(timespec="seconds")
        manifest = Manifest(portal_shared.__version__, now, has_snapshots)
        with new_archive(path, manifest) as archive:
            for name in DATABASES:
                database = mongo.database(client, settings, name)
                async with mongo.snapshot_session(client) as session:
                    count = await _read(database, name, session, archive)
                report(f"{name}: {count} documents")
        return manifest
    finally:
        client.close()


async def _read(
    database: mongo.Database, name: str, session: mongo.Session | None, archive: ArchiveWriter
) -> int:
    total = 0
    with mongo.translate_errors():
        collections = await database.list_collection_names()
        names = [c for c in collections if not c.startswith("system.")]
        for collection in sorted(names, key=lambda c: (c not in READ_FIRST, c == "outbox", c)):
            part: list[bytes] = []
            number = size = 0
            async for document in mongo.raw_documents(database, collection, session):
                part.append(document)
                size += len(document)
                total += 1
                if size >= PART_BYTES:
                    await asyncio.to_thread(archive.add, name, collection, number, part)
                    part, size, number = [], 0, number + 1
            if part:
                await asyncio.to_thread(archive.add, name, collection, number, part)
    return total


async def restore(settings: Settings, path: Path, report: Callable[[str], None]) -> Manifest:
    """Writes what an archive contains into the databases of an instance without records.

    The whole archive is checked before. Raises NotEmpty, DamagedArchive, Unavailable.
    """
    manifest = await asyncio.to_thread(read_manifest, path)
    client = mongo.connect(settings)
    try:
        with mongo.translate_errors():
            await _check_empty(client, settings)
            for name in dict.fromkeys(
                (part.database, part.collection) for part in manifest.parts
            ):  # what services wrote when they started
                database = mongo.database(client, settings, name[0])
                await database[name[1]].delete_many({})
            parts = read_parts(path, manifest)
            while (found := await asyncio.to_thread(next, parts, None)) is not None:
                part, documents = found
                database = mongo.database(client, settings, part.database)
                await mongo.insert_raw(database, part.collection, documents)
            for name in DATABASES:
                counts = manifest.counts().items()
                count = sum(n for c, n in counts if c.split(".")[0] == name)
                report(f"{name}: {count} documents")
        return manifest
    finally:
        client.close()


async def _check_empty(client: mongo.Client, settings: Settings) -> None:
    for name, collections in OF_RECORDS.items():
        database = mongo.database(client, settings, name)
        for collection in collections:
            if await database[collection].find_one({}, {"_id": 1}) is not None:
                raise NotEmpty(
                    f"the database {database.name!r} has documents in {collection!r}: a backup is"
                    " restored into an empty instance only. Choose another one"
                    " (PORTAL_MONGO_URL, PORTAL_DATABASE_PREFIX), or drop its databases"
                )
