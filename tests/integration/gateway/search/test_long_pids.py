"""Documents whose pids are longer than what their datasets keep of them."""

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio
from portal_shared.contracts.events import DatasetRegistered, DocumentRegistered
from portal_shared.contracts.records import Document

from tests.drivers.portal import Portal
from tests.integration.gateway.few_records import PANET, XES, dataset, parameter, technique

pytestmark = pytest.mark.asyncio(loop_scope="module")
LONG = "10.5072/" + "é" * 120
PIDS = [
    "10.5072/short",
    *(f"{LONG}-{n}" for n in range(10, 35)),
    "10.5072/zz",
]  # more than paginator.FEW
SAME_DATASET = {
    "relation": "datasets",
    "scope": {
        "include": [
            {"relation": "techniques", "scope": {"where": {"pid": PANET + XES}}},
            {
                "relation": "parameters",
                "scope": {"where": {"and": [{"name": "dose"}, {"value": {"gt": 1}}]}},
            },
        ]
    },
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(shared_portal: Portal) -> AsyncGenerator[Portal]:
    for pid in PIDS:
        both = {"techniques": [technique(XES)], "parameters": [parameter("dose", 20)]}
        sets = [
            dataset(f"{pid[-2:]}-{n}", "Lung", document=pid, **more)
            for n, more in enumerate([both, {"techniques": [technique(XES)]}])
        ]
        above = Document(pid=pid, name="d", title="Lung", profile="panosc", type="publication")
        found = [DatasetRegistered(dataset=made, version=1) for made in sets]
        await shared_portal.publish([*found, DocumentRegistered(document=above, version=1)])
    await shared_portal.wait_indexed()
    yield shared_portal


async def test_they_are_distinguished_and_in_order(api: Portal) -> None:
    found = await api.get("/api/Documents", filter={"include": [SAME_DATASET]})
    assert [d["pid"] for d in found.json()] == sorted(PIDS)
    page = await api.get(
        "/api/Documents", filter={"include": [SAME_DATASET], "skip": 2, "limit": 1}
    )
    assert [d["pid"] for d in page.json()] == [sorted(PIDS)[2]]
    counted = await api.get("/api/Documents/count", filter={"include": [SAME_DATASET]})
    assert counted.json() == {"count": len(PIDS)}
