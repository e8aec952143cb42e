"""A gateway over the Atlas, shared by all tests of this folder: they only read."""

import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
from portal_gateway import app as gateway_app
from portal_gateway.catalogue import Catalogue
from portal_gateway.settings import GatewaySettings
from portal_indexer.settings import IndexerSettings
from portal_shared.runtime.settings import Settings

from tests.drivers.servers import isolated_settings
from tests.integration.gateway.loaded_atlas import LOAD_SECONDS, load_atlas

NO_BROKER = "amqp://guest:guest@127.0.0.1:9/"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "site" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(LOAD_SECONDS))


@dataclass
class Site:
    """A client of the gateway, and the catalogue that it reads."""

    reader: httpx.AsyncClient
    catalogue: Catalogue


@pytest.fixture(scope="package")
def settings_of_package(mongo_server: str) -> Settings:
    return isolated_settings(NO_BROKER, mongo_server)


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def site(
    settings_of_package: Settings,
    search_url: tuple[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncGenerator[Site]:
    own = {
        **settings_of_package.model_dump(),
        "meilisearch_url": search_url[0],
        "meilisearch_key": search_url[1],
        "index_prefix": f"t{uuid.uuid4().hex[:10]}_",
    }
    await load_atlas(IndexerSettings.model_validate(own), tmp_path_factory.getbasetemp())
    app = gateway_app.build(GatewaySettings.model_validate(own))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://portal") as reader:
        yield Site(reader, app.state.catalogue)
    app.state.engine.close()
