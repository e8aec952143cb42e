"""A broker with the portal's queues, and a consumer that answers jobs as ingest would."""

import pytest
from portal_shared.messaging import topology
from portal_shared.runtime.settings import Settings

from tests.drivers.services.answering_ingest import AnsweringIngest


@pytest.fixture
async def ingest(amqp_url: str) -> AnsweringIngest:
    await topology.declare(Settings.model_validate({"amqp_url": amqp_url}))
    return AnsweringIngest(amqp_url)
