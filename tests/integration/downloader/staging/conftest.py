"""Fixtures: archives with options, and the downloader's collections without a downloader."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from portal_shared.runtime.settings import Settings

from tests.drivers.services.downloader import StartTape
from tests.drivers.services.downloader_starters import starter_of_tapes
from tests.drivers.services.downloader_store import DownloaderStore, open_store
from tests.drivers.tape import TapeArchive


@pytest.fixture
def start_tape(tmp_path: Path) -> Iterator[StartTape]:
    """Starts archives with options."""
    with starter_of_tapes(tmp_path) as start:
        yield start


@pytest.fixture
async def store(
    settings: Settings, tape: TapeArchive, tmp_path: Path
) -> AsyncIterator[DownloaderStore]:
    async with open_store(settings, tape.url, tmp_path) as made:
        yield made
