"""Fixtures of the tests of records."""

import pytest
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


@pytest.fixture
async def atlas(portal: Portal) -> Portal:
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
