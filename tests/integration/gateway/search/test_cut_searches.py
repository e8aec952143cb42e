"""A search that the engine cut off has unsorted hits: it is refused, never answered."""

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio
from portal_gateway.engine import client
from portal_indexer import index_settings
from portal_shared.search import index_fields

from tests.drivers.portal import Portal
from tests.integration.gateway.few_records import events

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(shared_portal: Portal) -> AsyncGenerator[Portal]:
    await shared_portal.publish(events())
    await shared_portal.wait_indexed()
    yield shared_portal


@pytest.mark.parametrize(
    "path",
    [
        "/api/Datasets",
        "/api/Datasets/count",
        "/api/Datasets?query=lung",
        '/api/Documents?filter={"include":["datasets"]}',
        "/api/Datasets/facets?facets=keywords",
        "/api/Datasets/export",
        "/api/search",
        "/api/search/export?format=tsv",
    ],
)
async def test_a_search_that_was_cut_off_is_refused_for_now(
    api: Portal, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    assert (await api.get(path)).status_code == 200
    monkeypatch.setattr(client, "SEARCH_CUTOFF_MS", 0)  # so that any search took too long
    answer = await api.get(path)
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert "takes too long" in answer.text


@pytest.mark.parametrize("index", index_fields.INDEXES)
async def test_the_engine_is_given_the_time_that_the_gateway_expects(index: str) -> None:
    assert index_settings.settings(index)["searchCutoffMs"] == index_fields.SEARCH_CUTOFF_MS
