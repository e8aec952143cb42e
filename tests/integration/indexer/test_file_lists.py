"""Parts of file lists come again, or late, while another replica completes the list."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from portal_indexer.file_lists import NO_VERSION, FileLists
from portal_shared.contracts.events import DatasetFilesListed
from portal_shared.contracts.records import File, files_digest
from portal_shared.runtime import mongo
from portal_shared.runtime.settings import Settings

FILES = [File(name=f"slice_{n:03d}.tif", path="slices", size=n) for n in range(6)]


class SlowReplica(FileLists):
    """Has read the version of the complete list before another replica completed it."""

    reads = 0

    async def _complete_version(self, pid: str) -> int:
        self.reads += 1
        return NO_VERSION if self.reads == 1 else await super()._complete_version(pid)


@pytest.fixture
async def database(settings: Settings) -> AsyncGenerator[mongo.Database]:
    client = mongo.connect(settings)
    yield mongo.database(client, settings, "indexer")
    client.close()


def part(version: int, files: list[File], number: int = 0, parts: int = 1) -> DatasetFilesListed:
    return DatasetFilesListed(
        pid="d",
        version=version,
        digest=files_digest(files),
        folder="f",
        part=number,
        parts=parts,
        files=tuple(files[number::parts]),
    )


async def complete(database: mongo.Database) -> FileLists:
    """Completes version 2, of two parts."""
    lists = FileLists(database)
    await lists.prepare()
    for number in (1, 0):
        await lists.store_part(part(2, FILES, number, 2))
    assert await lists.count_incomplete() == 0
    return lists


async def versions(database: mongo.Database) -> list[int]:
    return [row["version"] async for row in database["files"].find({"pid": "d"})]


async def test_a_part_that_comes_again_while_its_list_is_completed_is_not_left(
    database: mongo.Database,
) -> None:
    lists = await complete(database)
    await SlowReplica(database).store_part(part(2, FILES, 1, 2))
    assert await lists.count_incomplete() == 0
    assert await versions(database) == [2] * len(FILES)


async def test_a_part_left_by_a_killed_replica_is_removed_when_it_comes_again(
    database: mongo.Database,
) -> None:
    lists = await complete(database)
    await database["file_parts"].insert_one({"_id": "left", "pid": "d", "version": 2, "files": []})
    assert await lists.count_incomplete() == 1
    await lists.store_part(part(2, FILES, 1, 2))
    assert await lists.count_incomplete() == 0


async def test_an_older_list_that_was_slow_does_not_replace_a_newer_one(
    database: mongo.Database,
) -> None:
    await complete(database)
    await SlowReplica(database).store_part(part(1, [File(name="old.tif", size=1)]))
    assert await versions(database) == [2] * len(FILES)
    row = await database["file_lists"].find_one({"_id": "d"})
    assert row is not None
    assert row["version"] == 2


async def test_an_empty_list_that_was_slow_does_not_remove_a_newer_one(
    database: mongo.Database,
) -> None:
    await complete(database)
    await SlowReplica(database).store_empty("d", 1)
    assert await versions(database) == [2] * len(FILES)
    await FileLists(database).store_empty("d", 3)
    assert await versions(database) == []


async def test_an_empty_list_that_comes_with_its_dataset_and_alone_is_complete_once(
    database: mongo.Database,
) -> None:
    lists = FileLists(database)
    await lists.prepare()
    await asyncio.gather(lists.store_empty("d", 1), lists.store_part(part(1, [])))
    await asyncio.gather(lists.store_part(part(1, [])), lists.store_empty("d", 1))
    found = [(row["_id"], row["version"]) async for row in database["file_lists"].find({})]
    assert found == [("d", 1)]
    assert await lists.count_incomplete() == 0


async def test_an_older_list_that_comes_together_with_a_newer_one_does_not_replace_it(
    database: mongo.Database,
) -> None:
    lists = FileLists(database)
    await lists.prepare()
    await asyncio.gather(lists.store_part(part(2, FILES[:2])), lists.store_part(part(1, FILES)))
    found = [(row["_id"], row["version"]) async for row in database["file_lists"].find({})]
    assert found == [("d", 2)]
    assert await versions(database) == [2, 2]
