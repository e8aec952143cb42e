"""Stores the lists of files of datasets, in the parts in which they are published."""

from collections.abc import Sequence

from portal_shared.contracts.events import DatasetFilesListed
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime.mongo import (
    ASCENDING,
    Client,
    Database,
    DeleteMany,
    Doc,
    ReplaceOne,
    Session,
    Write,
    transaction,
    translate_errors,
    write_all,
)


class FileListStore:
    """The collection `listings`."""

    def __init__(self, client: Client, database: Database, outbox: Outbox) -> None:
        self._client = client
        self._outbox = outbox
        self._parts = database["listings"]

    async def prepare(self) -> None:
        """Creates the index."""
        with translate_errors():
            await self._parts.create_index([("pid", ASCENDING), ("part", ASCENDING)])

    async def find(self, pid: str) -> list[DatasetFilesListed]:
        """Returns the parts of a dataset's list in order."""
        with translate_errors():
            rows = self._parts.find({"pid": pid}).sort("part", ASCENDING)
            return [DatasetFilesListed.model_validate_json(row["body"]) async for row in rows]

    async def replace(
        self, lists: Sequence[tuple[str, Sequence[DatasetFilesListed]]], session: Session
    ) -> None:
        """Stores new lists in place of the old ones, by pid; without parts an old one stays."""
        writes: list[Write] = []
        for pid, parts in lists:
            writes += [_part_write(part) for part in parts]
            if parts and parts[0].version > 1:
                writes.append(DeleteMany({"pid": pid, "part": {"$gte": parts[0].parts}}))
        if writes:
            await write_all(self._parts, writes, session=session)

    async def publish_part(self, part: DatasetFilesListed) -> None:
        """Stores and publishes one part of a list that is too long for one transaction."""

        async def work(session: Session) -> None:
            await write_all(self._parts, [_part_write(part)], session=session)
            await self._outbox.add(session, [part])

        await transaction(self._client, work)

    async def drop_after(self, pid: str, count: int) -> None:
        """Deletes the parts of a longer, older list beyond the first `count`."""
        with translate_errors():
            await self._parts.delete_many({"pid": pid, "part": {"$gte": count}})


def _part_write(part: DatasetFilesListed) -> ReplaceOne[Doc]:
    key = {"pid": part.pid, "part": part.part}
    return ReplaceOne(key, {**key, "body": part.model_dump_json()}, upsert=True)
