"""The version of a database's schema, and the migrations that bring it to that of the code.

Each service has a database of its own, whose version is a row of the collection `schema`.
Migrations run at start, before anything is consumed, one replica at a time. Each must be
idempotent: one that was interrupted is run again. They have to leave rows that the release before
can read, because its replicas go on meanwhile; what only it needs is removed by a later release.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from portal_shared.runtime.errors import Conflict, Unavailable
from portal_shared.runtime.lease import TaskLease
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import (
    Collection,
    Database,
    Doc,
    DuplicateKeyError,
    translate_errors,
)

log = logger(__name__)

COLLECTION = "schema"
ROW = "schema"
FIRST_VERSION = 1  # of databases from before there was a version
LEASE = "migrations of the schema"  # one replica at a time
LEASE_DURATION = timedelta(minutes=1)
LOOK_SECONDS = 0.5  # between looks whether another replica is done


@dataclass(frozen=True)
class Migration:
    """Brings a database from the version before to `version`; `run` must be idempotent."""

    version: int
    name: str
    run: Callable[[Database], Awaitable[None]]


class Schema:
    """The schema of one database: its version in this code, and the way there."""

    def __init__(
        self,
        database: Database,
        migrations: Sequence[Migration] = (),
        *,
        lease: timedelta = LEASE_DURATION,
    ) -> None:
        versions = [migration.version for migration in migrations]
        expected = list(range(FIRST_VERSION + 1, FIRST_VERSION + 1 + len(versions)))
        if versions != expected:
            raise ValueError(f"the versions of the migrations are {versions}, not {expected}")
        self._database = database
        self._rows: Collection = database[COLLECTION]
        self._migrations = migrations
        self._lease = TaskLease(database, LEASE, duration=lease)
        self.version = FIRST_VERSION + len(migrations)

    async def prepare(self) -> None:
        """Runs the migrations that are missing, or waits for the replica that does.

        Raises Conflict if a newer release has been there: this one might not understand its rows.
        Raises Unavailable if another replica went on with a migration that this one had begun.
        """
        while (found := await self._found()) != self.version:
            if found > self.version:
                raise Conflict(
                    f"the database {self._database.name!r} has version {found} of its schema, and"
                    f" this release knows {self.version}: start the release that was there last, or"
                    " restore a backup from before it (deploy/runbooks/upgrade.md)"
                )
            if not await self._lease.acquire():
                await asyncio.sleep(LOOK_SECONDS)
                continue
            try:
                if await self._found() == found:  # nobody did it just before
                    await self._migrate(self._migrations[found - FIRST_VERSION])
            finally:
                await self._lease.release()

    async def _found(self) -> int:
        """Returns the stored version; an empty database gets that of the code."""
        with translate_errors():
            row = await self._rows.find_one({"_id": ROW})
            if row is not None:
                return int(row["version"])
            names = await self._database.list_collection_names()
            is_new = not any([await self._has_rows(n) for n in names if n != COLLECTION])
            first = self.version if is_new else FIRST_VERSION
            try:
                await self._rows.insert_one({"_id": ROW, "version": first})
            except DuplicateKeyError:  # another replica
                return await self._found()
        return first

    async def _has_rows(self, name: str) -> bool:
        return await self._database[name].find_one({}, {"_id": 1}) is not None

    async def _migrate(self, migration: Migration) -> None:
        """Runs one migration as long as this replica has the lease."""
        log.info("migration begins", database=self._database.name, migration=migration.name)
        work = asyncio.ensure_future(migration.run(self._database))
        lease = asyncio.create_task(self._keep_lease(), name="lease of the migration")
        try:
            await asyncio.wait((work, lease), return_when=asyncio.FIRST_COMPLETED)
            if lease.done():
                await lease  # raises why
            await work
        finally:
            for task in (work, lease):
                task.cancel()
            await asyncio.gather(work, lease, return_exceptions=True)
        before: Doc = {"_id": ROW, "version": migration.version - 1}
        done: Doc = {"version": migration.version, "migrated_at": datetime.now(UTC)}
        with translate_errors():
            await self._rows.update_one(before, {"$set": done})
        log.info("migration done", database=self._database.name, version=migration.version)

    async def _keep_lease(self) -> None:
        """Renews the lease until cancelled. Raises Unavailable when another replica has it."""
        while True:
            if not await self._lease.acquire():
                raise Unavailable("another replica goes on with the migration: this one was slow")
            await asyncio.sleep(self._lease.renewal_seconds)
