"""What is wrong with ICAT for a while: it is waited for, with a reason in few words."""

from collections.abc import Iterator
from typing import Any

import pytest
from portal_ingest.icat.adapter import Icat
from portal_ingest.settings import IngestSettings
from portal_shared.runtime.errors import Unavailable

from tests.drivers import plain_http

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def adapter(icat_url: str) -> Iterator[Icat]:
    icat = Icat(IngestSettings(icat_url=icat_url))
    yield icat
    icat.close()


async def fail_next(url: str, **fault: Any) -> None:
    async with plain_http.async_client() as client:
        (await client.post(f"{url}/_faults", json={"faults": [fault]})).raise_for_status()


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "http", "status": 404},  # Payara, until ICAT is loaded
        {"fault": "http", "status": 503},
        {"fault": "html"},
        {"fault": "truncate"},
        {"fault": "drop_before"},
    ],
    ids=lambda fault: f"{fault['fault']}-{fault.get('status', '')}".strip("-"),
)
async def test_an_icat_without_its_wsdl_is_waited_for(
    adapter: Icat, icat_url: str, fault: dict[str, Any]
) -> None:
    await fail_next(icat_url, **fault, operation="wsdl")
    with pytest.raises(Unavailable, match="ICAT"):
        await adapter.published(["10.1/a"])
    assert await adapter.published(["10.1/a"]) == {}


async def test_the_reason_of_a_locked_database_is_one_line_without_sql(
    adapter: Icat, icat_url: str
) -> None:
    await fail_next(icat_url, fault="lock_wait", seconds=0, operation="search")
    with pytest.raises(Unavailable) as caught:
        await adapter.published(["10.1/a"])
    assert caught.value.reason == (
        "ICAT's database: com.mysql.cj.jdbc.exceptions.MySQLTransactionRollbackException:"
        " Lock wait timeout exceeded; try restarting transaction"
    )
