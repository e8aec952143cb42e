"""An ICAT that takes connections and says nothing: nobody waits for ever."""

import asyncio
import socket
from collections.abc import Iterator

import httpx
import pytest
from portal_ingest.icat.adapter import Icat
from portal_ingest.settings import IngestSettings
from portal_shared.runtime.errors import Unavailable

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def silent() -> Iterator[str]:
    """Its backlog takes connections; nobody reads from them."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def icat(url: str, *, timeout: float) -> Icat:
    return Icat(IngestSettings(icat_url=url, icat_timeout=timeout))


async def test_the_first_request_of_a_client_ends_by_the_timeout_too(silent: str) -> None:
    asked = icat(silent, timeout=0.5)
    async with asyncio.timeout(30):  # it was 90 s for each of the first 58 requests
        with pytest.raises(Unavailable, match="ICAT"):
            await asked.published(["10.1/a"])
    asked.close()


async def test_a_slow_answer_ends_by_the_timeout_and_the_next_call_is_answered(
    icat_url: str,
) -> None:
    asked = icat(icat_url, timeout=5)
    assert await asked.published(["10.1/a"]) == set()
    slow = {"fault": "slow", "seconds": 40, "operation": "search"}
    async with httpx.AsyncClient() as client:
        (await client.post(f"{icat_url}/_faults", json={"faults": [slow]})).raise_for_status()
    async with asyncio.timeout(30):
        with pytest.raises(Unavailable, match="ICAT"):
            await asked.published(["10.1/a"])
    async with asyncio.timeout(60):
        assert await asked.published(["10.1/a"]) == set()
    asked.close()
