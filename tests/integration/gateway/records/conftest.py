"""Fixtures of the tests of records."""

import pytest
import pytest_asyncio
from portal_shared.contracts.events import (
    DocumentRegistered,
    InstrumentRegistered,
)
from portal_shared.contracts.records import Instrument

from tests.drivers.portal import Portal
from tests.integration.gateway.records.small_atlas import (
    HEART,
    HIDDEN,
    KIDNEYS,
    organ,
    registered,
)


async def _register_atlas(portal: Portal) -> Portal:
    machine = Instrument(pid="bm18", name="BM18", facility="ESRF")
    await portal.publish(
        [
            InstrumentRegistered(instrument=machine, version=1),
            *registered(*KIDNEYS, HEART, HIDDEN),
            DocumentRegistered(document=organ("kidney", *KIDNEYS), version=1),
            DocumentRegistered(document=organ("heart", HEART), version=1),
            DocumentRegistered(document=organ("brain", HIDDEN, is_public=False), version=1),
        ]
    )
    await portal.wait_indexed()
    return portal


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def atlas(shared_portal: Portal) -> Portal:
    """A portal with a small atlas, shared by the tests of a module: they only read."""
    return await _register_atlas(shared_portal)


@pytest.fixture
async def fresh_atlas(portal: Portal) -> Portal:
    """A portal with a small atlas that the test may change."""
    return await _register_atlas(portal)
