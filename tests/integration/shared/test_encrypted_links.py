"""RabbitMQ and MongoDB over TLS; the URL has the file of the private authority."""

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import trustme
from portal_shared.messaging import topology
from portal_shared.runtime import mongo
from portal_shared.runtime.settings import Settings
from portal_shared.service.app import Service
from pydantic import SecretStr
from pymongo.errors import ConnectionFailure

from tests.drivers.deployment.network import TcpProxy
from tests.drivers.servers import declare_bus
from tests.integration.shared.test_network_faults import until

UNTRUSTED = "(?i)certificate.verify.failed"


@pytest.fixture
async def encrypted(settings: Settings, tmp_path: Path) -> AsyncIterator[Settings]:
    """Settings whose broker and database are reached over TLS alone, with its authority."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = quote(str(tmp_path / "ca.pem"), safe="")
    async with AsyncExitStack() as stack:
        ports: list[int] = []
        for secret in (settings.amqp_url, settings.mongo_url):
            url = urlsplit(secret.get_secret_value())
            proxy = TcpProxy(str(url.hostname), url.port or 0)
            ports.append((await stack.enter_async_context(proxy.running(context))).port)
        await declare_bus(settings, "ingest")
        broker = urlsplit(settings.amqp_url.get_secret_value())
        user = broker.netloc.rpartition("@")[0]
        amqp_url = f"amqps://{user}@127.0.0.1:{ports[0]}{broker.path}?cafile={ca_file}"
        mongo_url = (
            f"mongodb://127.0.0.1:{ports[1]}/?directConnection=true&tls=true&tlsCAFile={ca_file}"
        )
        yield settings.model_copy(
            update={"amqp_url": SecretStr(amqp_url), "mongo_url": SecretStr(mongo_url)}
        )


async def test_a_service_reaches_broker_and_database_with_their_authority(
    encrypted: Settings,
) -> None:
    await topology.declare(encrypted)
    service = Service("ingest", encrypted)
    async with service.running():
        await until(lambda: not service.failing_checks())


async def test_an_unknown_authority_is_not_trusted(encrypted: Settings) -> None:
    broker = encrypted.amqp_url.get_secret_value().partition("?")[0]
    server = encrypted.mongo_url.get_secret_value().partition("&tlsCAFile")[0]
    unknown = encrypted.model_copy(
        update={"amqp_url": SecretStr(broker), "mongo_url": SecretStr(server)}
    )
    with pytest.raises(ConnectionError, match=UNTRUSTED):
        await topology.declare(unknown)
    client = mongo.connect(unknown)
    with pytest.raises(ConnectionFailure, match=UNTRUSTED):
        await client.admin.command("ping")
    client.close()
