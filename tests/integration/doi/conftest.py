"""The doi service on a real broker, a real database and the DataCite simulator."""

from collections.abc import AsyncIterator, Iterator

import pytest
from portal_doi.settings import DoiSettings
from portal_shared.runtime.settings import Settings

from tests.drivers.datacite import DataCiteServer
from tests.drivers.services.doi import DoiService, running_doi


@pytest.fixture(scope="session")
def datacite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataCiteServer]:
    server = DataCiteServer(tmp_path_factory.mktemp("datacite"))
    server.start()
    yield server
    server.close()


@pytest.fixture
def datacite(datacite_server: DataCiteServer) -> DataCiteServer:
    datacite_server.reset()
    return datacite_server


@pytest.fixture
def doi_settings(settings: Settings, datacite: DataCiteServer) -> DoiSettings:
    return DoiSettings(
        amqp_url=settings.amqp_url,
        mongo_url=settings.mongo_url,
        database_prefix=settings.database_prefix,
        retry_delays=settings.retry_delays,
        site_url="http://portal.example",
        datacite_url=datacite.url,
        datacite_prefix=datacite.prefix,
        relations_quiet=0.2,
        relations_patience=2,
    )


@pytest.fixture
async def doi(doi_settings: DoiSettings) -> AsyncIterator[DoiService]:
    async with running_doi(doi_settings) as service:
        yield service
