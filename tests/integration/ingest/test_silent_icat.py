"""An ICAT that accepts connections but does not respond: every call ends by its timeout."""

import asyncio
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import suds.cache
from portal_ingest.icat.adapter import Icat
from portal_ingest.settings import IngestSettings
from portal_shared.runtime.errors import Unavailable

from tests.drivers import plain_http

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def silent() -> Iterator[str]:
    """The backlog accepts connections; nothing reads from them."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def adapter(url: str, *, timeout: float) -> Icat:
    return Icat(IngestSettings(icat_url=url, icat_timeout=timeout))


async def test_the_first_request_of_a_client_ends_by_the_timeout_too(silent: str) -> None:
    icat = adapter(silent, timeout=0.5)
    async with asyncio.timeout(30):  # it was 90 s for each of the first 58 requests
        with pytest.raises(Unavailable, match="ICAT"):
            await icat.published(["10.1/a"])
    icat.close()


async def test_a_slow_response_ends_by_the_timeout_and_the_next_call_works(
    icat_url: str,
) -> None:
    icat = adapter(icat_url, timeout=5)
    assert await icat.published(["10.1/a"]) == {}
    slow = {"fault": "slow", "seconds": 40, "operation": "search"}
    async with plain_http.async_client() as client:
        (await client.post(f"{icat_url}/_faults", json={"faults": [slow]})).raise_for_status()
    async with asyncio.timeout(30):
        with pytest.raises(Unavailable, match="ICAT"):
            await icat.published(["10.1/a"])
    async with asyncio.timeout(60):
        assert await icat.published(["10.1/a"]) == {}
    icat.close()


def test_a_client_leaves_no_folder_behind(
    icat_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of suds would stay when the process is killed, one for each start."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(suds.cache.FileCache, "_FileCache__default_location", None)
    icat = adapter(icat_url, timeout=60)
    assert asyncio.run(icat.published(["10.1/a"])) == {}
    icat.close()
    assert list(tmp_path.iterdir()) == []
