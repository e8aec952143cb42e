"""A portal with the Atlas, shared by all tests of this folder: they only read."""

import asyncio
from collections.abc import AsyncGenerator, Iterator

import pytest
import pytest_asyncio
from portal_shared.contracts.events import DatasetWithdrawn, Event
from portal_shared.runtime.settings import Settings

from tests.drivers.portal import Portal, running
from tests.drivers.servers import RabbitNode, isolated_settings, virtual_host
from tests.integration.gateway import atlas_corpus
from tests.integration.gateway.records.small_atlas import registered, scan

WITHDRAWN = scan("kidney", "left", "zoom", 3.0)
EMBARGOED = scan("stomach", "whole", "overview", 7.0, is_public=False)


def more_events() -> list[Event]:
    """A withdrawn dataset that was public, and one under embargo; both of a donor of the Atlas."""
    return [
        *registered(WITHDRAWN, EMBARGOED),
        DatasetWithdrawn(
            pid=WITHDRAWN.pid,
            version=2,
            title=WITHDRAWN.title,
            reason="The sample was mixed up",
            withdrawn_at="2026-01-02T00:00:00Z",  # pyright: ignore[reportArgumentType]
            dataset=WITHDRAWN,
        ),
    ]


@pytest.fixture(scope="package")
def settings_of_package(rabbitmq_node: RabbitNode, mongo_server: str) -> Iterator[Settings]:
    with virtual_host(rabbitmq_node) as url:
        yield isolated_settings(url, mongo_server)


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def site(
    settings_of_package: Settings, search_url: tuple[str, str]
) -> AsyncGenerator[Portal]:
    async with running(settings_of_package, search_url) as portal:
        published = await asyncio.to_thread(atlas_corpus.events)
        await portal.publish([*published, *more_events()])
        await portal.wait_indexed(seconds=240)
        yield portal
