"""The literal requests of the clients that are known, and what their code reads of the answers.

The federation merges lists by score and drops what has none between 0 and 1; the portal at
data.panosc.eu walks through relations without looking whether they are there.
"""

import math
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.drivers.portal import Portal
from tests.integration.gateway.few_records import events

pytestmark = pytest.mark.asyncio(loop_scope="module")
DOCUMENT = "10.5072/doc-1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(shared_portal: Portal) -> AsyncGenerator[Portal]:
    await shared_portal.publish(events())
    await shared_portal.wait_indexed()
    yield shared_portal


async def sent(api: Portal, address: str) -> Any:
    """As the clients send it: JSON percent-encoded, this header and no other."""
    path, _, query = address.partition("?")
    name, _, value = query.partition("=")
    encoded = f"{path}?{name}={quote(value, safe='')}" if query else path
    answer = await api.reader.get(encoded, headers={"accept": "application/json"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def merged(lists: list[list[dict[str, Any]]], limit: int, *, query: bool) -> list[dict[str, Any]]:
    """What the federation makes of the facilities' lists, with its production defaults."""
    rows_ = [
        row
        for rows in lists
        for row in rows
        if isinstance(row["score"], int | float)
        and not math.isnan(row["score"])
        and 0 < row["score"] < 1
    ]
    if query:
        rows_.sort(key=lambda row: -row["score"])
    else:
        rows_.sort(key=lambda row: row.get("title") or row.get("name"))
    return rows_[:limit]


NESTED = (
    '/api/Documents?filter={"include":[{"relation":"datasets","scope":{"include":'
    '[{"relation":"techniques","scope":{"where":{"name":"XES"}}}]}}],"limit":5}'
)


@pytest.mark.parametrize(
    ("address", "rows"),
    [
        ('/api/Documents?filter={"limit":100}', 3),
        ('/api/Documents?filter={"query":"lung","limit":5}', 1),
        ('/api/Instruments?filter={"skip":10,"limit":100}', 0),
        ('/api/Instruments?filter={"skip":1,"limit":100}', 2),
        ("/api/Datasets", 4),
        (NESTED, 2),
    ],
)
async def test_nothing_of_a_list_is_lost_in_the_federation(
    api: Portal, address: str, rows: int
) -> None:
    listed = await sent(api, address)
    assert len(listed) >= rows
    found = merged([listed, []], 100, query="query" in address)
    assert {row["pid"] for row in found} == {row["pid"] for row in listed}


async def test_the_federation_requests_one_record_and_counts(api: Portal) -> None:
    one = await sent(api, "/api/Documents/10.5072%2Fdoc-1")
    assert one["pid"] == DOCUMENT
    unknown = await api.reader.get("/api/Documents/10.5072%2Fx%20y")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "MODEL_NOT_FOUND")
    assert await sent(api, '/api/Datasets/count?where={"title":"Heart"}') == {"count": 1}


SEARCH = (
    '/api/Documents?filter={"query":"lung","include":[{"relation":"datasets","scope":{"include":['
    '{"relation":"techniques","scope":{"where":{"name":"x-ray emission spectroscopy"}}},'
    '{"relation":"parameters","scope":{"where":{"and":[{"name":"sample_temperature"},'
    '{"value":{"between":[0,7300]}},{"unit":"K"}]}}},'
    '{"relation":"parameters","scope":{"where":{"and":[{"name":"incident_wavelength"},'
    '{"value":{"gte":"0.05"}},{"unit":"nm"}]}}},'
    '{"relation":"parameters","scope":{"where":{"and":[{"name":"sample_chemical_formula"},'
    '{"value":{"like":"Cu"}}]}}}]}}],"limit":50}'
)


async def test_the_portals_search_reads_its_hits_without_a_guard(api: Portal) -> None:
    hits = await sent(api, SEARCH)
    assert [hit["pid"] for hit in hits] == [DOCUMENT]
    for hit in hits:
        assert hit["title"] + hit["type"] + hit["doi"]
        assert hit["score"].__format__(".2f")
        for dataset in hit["datasets"]:
            assert [t["name"] for t in dataset["techniques"]]
            units = {p["name"]: p.get("unit") for p in dataset["parameters"]}
            assert units == {"sample_temperature": "K", "incident_wavelength": "nm",
                             "sample_chemical_formula": None}  # fmt: skip
    plain = await sent(api, '/api/Documents?filter={"query":"lung","limit":50}')
    assert all(isinstance(hit["score"], float) for hit in plain)


@pytest.mark.parametrize("pid", [DOCUMENT, quote(DOCUMENT, safe=""), "doc-2", "doc-3"])
async def test_an_opened_result_is_read_in_three_requests(api: Portal, pid: str) -> None:
    people = (
        '{"include":[{"relation":"members","scope":{"include":['
        '{"relation":"affiliation"},{"relation":"person"}]}}],"limit":0}'
    )
    members = await sent(api, f"/api/documents/{pid}?filter={people}")
    assert [m["person"]["fullName"] for m in members["members"]] in (
        ["Claire Walsh", "Ada Byron"],
        [],
    )
    for relation, names in (("techniques", "name"), ("parameters", "name")):
        found = await sent(
            api, f'/api/documents/{pid}?filter={{"include":[{{"relation":"datasets","scope":'
            f'{{"include":[{{"relation":"{relation}"}}]}}}}],"limit":0}}',
        )  # fmt: skip
        read = [row[names] for dataset in found["datasets"] for row in dataset[relation]]
        assert isinstance(read, list)
    if "doc-1" in pid:
        assert len(found["datasets"]) == 2


async def test_a_harvester_pages_until_a_page_is_short(api: Portal) -> None:
    total = (await sent(api, "/api/Documents/count"))["count"]
    seen: list[str] = []
    while True:
        page = await sent(api, f'/api/Documents?filter={{"skip":{len(seen)},"limit":2}}')
        seen += [row["pid"] for row in page]
        if len(page) < 2:
            break
    assert len(seen) == len(set(seen)) == total


async def test_the_older_portal_pages_by_five(api: Portal) -> None:
    address = ('/api/Documents?filter={"where":{"keywords":{"inq":["Lung","other"]},'
               '"title":{"ilike":"LUNGS"}},"limit":5,"skip":0}')  # fmt: skip
    assert [row["pid"] for row in await sent(api, address)] == [DOCUMENT]
