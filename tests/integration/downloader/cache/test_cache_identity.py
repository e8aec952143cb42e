"""The folder of the cache and the database of the downloader belong together."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from portal_downloader.cache.identity import FILE_NAME, CacheIdentity
from portal_shared.runtime import mongo
from portal_shared.runtime.errors import Conflict
from portal_shared.runtime.settings import Settings


@pytest.fixture
async def database(settings: Settings) -> AsyncGenerator[mongo.Database]:
    client = mongo.connect(settings)
    yield mongo.database(client, settings, "downloader")
    client.close()


async def test_replicas_with_one_folder_start(database: mongo.Database, tmp_path: Path) -> None:
    for _ in range(3):
        await CacheIdentity(database, tmp_path / "cache", replaces=None).check()
    assert len(list((tmp_path / "cache").iterdir())) == 1


async def test_a_second_folder_is_refused_with_what_to_do(
    database: mongo.Database, tmp_path: Path
) -> None:
    await CacheIdentity(database, tmp_path / "first", replaces=None).check()
    second = CacheIdentity(database, tmp_path / "second", replaces=None)
    for _ in range(2):
        with pytest.raises(Conflict, match=r"not the cache of this.*PORTAL_CACHE_REPLACES"):
            await second.check()
    await CacheIdentity(database, tmp_path / "first", replaces=None).check()


async def test_a_lost_cache_is_replaced_once_it_is_given(
    database: mongo.Database, tmp_path: Path
) -> None:
    await CacheIdentity(database, tmp_path / "lost", replaces=None).check()
    lost = (tmp_path / "lost" / FILE_NAME).read_text("ascii").strip()
    for _ in range(2):  # the setting may stay
        await CacheIdentity(database, tmp_path / "new", replaces=lost).check()
    with pytest.raises(Conflict):
        await CacheIdentity(database, tmp_path / "lost", replaces=None).check()
