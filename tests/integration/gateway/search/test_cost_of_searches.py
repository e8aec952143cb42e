"""Cost of searches: requests to the engine and rows read do not grow with the records."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from portal_gateway.search import pagination
from portal_indexer import index_settings
from portal_indexer.meilisearch import Meilisearch as IndexerEngine
from portal_indexer.settings import IndexerSettings
from portal_shared.contracts.events import DatasetRegistered, DocumentRegistered, Event
from portal_shared.contracts.records import Dataset, Document
from portal_shared.runtime.errors import Unavailable

from tests.drivers.portal import Portal

pytestmark = pytest.mark.asyncio(loop_scope="module")
DOCUMENTS, DATASETS = 60, 4
PANET = "http://purl.org/pan-science/PaNET/"
HANDFUL = 4


def energy(document: int, number: int) -> float:
    return 10.0 * (document % 6 + number)


def dataset(document: int, number: int) -> Dataset:
    term = "PaNET01200" if number % 2 else "PaNET01332"
    return Dataset.model_validate(
        {
            "pid": f"10.1/set-{document:03d}-{number}",
            "name": "s",
            "title": f"Lung {number}",
            "profile": "panosc",
            "created": datetime(2024, 1, 1, tzinfo=UTC),
            "document": f"10.1/doc-{document:03d}",
            "techniques": [{"pid": PANET + term, "name": term}],
            "parameters": [{"name": "energy", "value": energy(document, number), "unit": "keV"}],
        }
    )


def events() -> Iterator[Event]:
    for document in range(DOCUMENTS):
        for number in range(DATASETS):
            yield DatasetRegistered(dataset=dataset(document, number), version=1)
        record = Document(pid=f"10.1/doc-{document:03d}", name="d", title=f"Heart {document}",
                          profile="panosc", type="publication")  # fmt: skip
        yield DocumentRegistered(document=record, version=1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def portal(shared_portal: Portal) -> Portal:
    """A portal with all records, shared by the tests of this module: they only read."""
    await shared_portal.publish(events())
    await shared_portal.wait_indexed()
    return shared_portal


@pytest.fixture
def rows_read(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Number of rows in the answer to each search; the service looks at the engine meanwhile."""
    engine = portal.gateway.state.engine
    request = engine.request
    brought: list[int] = []

    async def recorded(method: str, path: str, body: Any) -> Any:
        answer = await request(method, path, body)
        results = answer.get("results", [answer])
        if method == "POST":
            brought.append(sum(len(r.get("hits", ())) for r in results))
        return answer

    monkeypatch.setattr(engine, "request", recorded)
    return brought


def nested(**shape: Any) -> dict[str, Any]:
    least = {"and": [{"name": "energy"}, {"value": {"gte": 55000}}, {"unit": "eV"}]}
    include = [
        {"relation": "techniques", "scope": {"where": {"pid": f"{PANET}PaNET01200"}}},
        {"relation": "parameters", "scope": {"where": least}},
    ]
    return {"include": [{"relation": "datasets", "scope": {"include": include}}], **shape}


async def test_a_nested_search_needs_few_requests_and_reads_its_page(
    portal: Portal, rows_read: list[int]
) -> None:
    answer = await portal.get("/api/Documents", filter=nested(limit=5))
    expected = [
        f"10.1/doc-{d:03d}"
        for d in range(DOCUMENTS)
        if any(n % 2 and energy(d, n) >= 55 for n in range(DATASETS))
    ]
    assert [r["pid"] for r in answer.json()] == expected[:5]
    assert answer.headers["x-total-count"] == str(len(expected))
    assert len(rows_read) <= HANDFUL
    assert sum(rows_read) < DOCUMENTS


@pytest.mark.parametrize(
    ("path", "order"),
    [
        *(
            ("Documents", name)
            for name in ("title", "summary", "type", "doi", "license", "startDate", "isPublic")
        ),
        *(
            ("Datasets", name)
            for name in ("title", "size", "creationDate", "license", "availability", "doi")
        ),
        ("Instruments", "name"),
        ("Instruments", "facility"),
    ],
)
async def test_a_page_in_any_order_reads_its_rows_alone(
    portal: Portal, rows_read: list[int], path: str, order: str
) -> None:
    wanted = {"order": [f"{order} DESC", "pid"], "limit": 5, "skip": 10}
    assert (await portal.get(f"/api/{path}", filter=wanted)).status_code == 200
    assert len(rows_read) == 1
    assert rows_read[0] <= 5


async def test_a_query_in_an_order_reads_its_page_alone(
    portal: Portal, rows_read: list[int]
) -> None:
    wanted = {"order": "title DESC", "limit": 5, "query": "heart"}
    answer = await portal.get("/api/Documents", filter=wanted)
    assert [row["title"] for row in answer.json()] == [f"Heart {n}" for n in (9, 8, 7, 6, 59)]
    assert answer.headers["x-total-count"] == str(DOCUMENTS)
    assert sum(rows_read) <= 5


async def test_an_order_that_the_engine_lacks_is_refused_beyond_some_rows(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {"order": ["score", "title DESC"], "limit": 5, "query": "heart"}
    assert (await portal.get("/api/Documents", filter=wanted)).status_code == 200
    monkeypatch.setattr(pagination, "MAX_SORTED_ROWS", DOCUMENTS - 1)
    answer = await portal.get("/api/Documents", filter=wanted)
    assert answer.status_code == 400
    assert f"order: at most {DOCUMENTS - 1} rows" in answer.json()["error"]["message"]


async def test_relations_are_read_only_if_they_are_included(
    portal: Portal, rows_read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = portal.gateway.state.engine
    request = engine.request
    read: list[set[str]] = []

    async def recorded(method: str, path: str, body: Any) -> Any:
        answer = await request(method, path, body)
        results = answer.get("results", [answer])
        read.extend(h.keys() for r in results for h in r.get("hits", ()))
        return answer

    monkeypatch.setattr(engine, "request", recorded)
    wanted = {"include": ["datasets"], "limit": 3}
    found = (await portal.get("/api/Documents", filter=wanted)).json()
    assert all(len(row["datasets"]) == DATASETS for row in found)
    assert read
    assert not any("relations" in keys for keys in read)
    read.clear()
    deeper = {"relation": "datasets", "scope": {"include": ["techniques"]}}
    found = (await portal.get("/api/Documents", filter={"include": [deeper], "limit": 3})).json()
    assert all(d["techniques"] for row in found for d in row["datasets"])
    assert [("relations" in keys) for keys in read] == [False] * 3 + [True] * 3 * DATASETS


@pytest.mark.parametrize(
    ("wanted", "first"),
    [
        ({"where": {"title": {"regexp": "^H.*[0-9]"}}, "include": ["datasets"]}, "doc-001"),
        (
            {
                "order": "title DESC",
                "include": [
                    {
                        "relation": "datasets",
                        "scope": {
                            "where": {"title": {"regexp": "^L.*0"}},
                            "include": [{"relation": "documents", "scope": {"limit": 1}}],
                        },
                    }
                ],
            },
            "doc-008",
        ),
    ],
)
async def test_relations_without_conditions_are_read_for_the_rows_of_the_page(
    wanted: dict[str, Any], first: str, portal: Portal, rows_read: list[int]
) -> None:
    answer = await portal.get("/api/Documents", filter={**wanted, "skip": 1, "limit": 1})
    (row,) = answer.json()
    assert row["pid"] == f"10.1/{first}"
    assert len(row["datasets"]) in (1, DATASETS)
    assert all(d.get("documents", [row])[0]["pid"] == row["pid"] for d in row["datasets"])
    assert answer.headers["x-total-count"] == str(DOCUMENTS)
    decides = any(isinstance(i, dict) for i in wanted["include"])
    judged = DOCUMENTS * (1 + DATASETS) if decides else DOCUMENTS
    assert sum(rows_read) <= judged + 3 * DATASETS
    assert len(rows_read) <= HANDFUL + decides


async def test_a_condition_on_the_document_beside_it_costs_no_more(
    portal: Portal, rows_read: list[int]
) -> None:
    wanted = nested(where={"title": {"inq": [f"Heart {n}" for n in range(0, DOCUMENTS, 3)]}})
    answer = await portal.get("/api/Documents", filter={**wanted, "order": "title"})
    counted = await portal.get("/api/Documents/count", filter=wanted)
    assert counted.json()["count"] == len(answer.json()) > 0
    assert all(int(r["pid"][-3:]) % 3 == 0 for r in answer.json())


async def test_a_text_condition_reads_only_candidates(portal: Portal, rows_read: list[int]) -> None:
    answer = await portal.get("/api/Documents", filter={"where": {"text": "eart 1"}})
    assert {r["title"] for r in answer.json()} == {f"Heart {n}" for n in (1, *range(10, 20))}
    assert sum(rows_read) < DOCUMENTS / 2


async def test_a_whole_word_is_decided_by_the_engine(portal: Portal, rows_read: list[int]) -> None:
    wanted = {"where": {"title": {"ilike": "%HEART%"}}, "limit": 2}
    answer = await portal.get("/api/Documents", filter=wanted)
    assert len(answer.json()) == 2
    assert answer.headers["x-total-count"] == str(DOCUMENTS)
    assert rows_read == [2]


async def test_a_record_and_its_relations_are_available_without_the_engine(
    portal: Portal, rows_read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = await portal.get("/api/Datasets/10.1%2Fset-001-2")

    async def away(*_: Any) -> Any:
        raise Unavailable("The search engine is out of reach")

    monkeypatch.setattr(portal.gateway.state.engine, "request", away)
    answer = await portal.get("/api/Datasets/10.1%2Fset-001-2", filter={"include": "techniques"})
    assert answer.status_code == 200
    assert answer.json().keys() - there.json().keys() == {"techniques"}
    assert (await portal.get("/api/Datasets")).status_code == 503


@pytest.mark.parametrize("packed", ["gzip", "identity"])
async def test_a_long_list_is_sent_while_it_is_read(
    packed: str, portal: Portal, rows_read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await portal.get("/api/Datasets", filter={"skip": 3, "include": ["techniques"]})
    monkeypatch.setattr(pagination, "MAX_BUFFERED_ROWS", 20)
    monkeypatch.setattr(pagination, "FIRST_ROWS", 10)
    monkeypatch.setattr(pagination, "BATCH_SIZE", 50)
    rows_read.clear()
    answer = await portal.reader.get(
        "/api/Datasets",
        params={"filter": '{"skip": 3, "include": ["techniques"]}'},
        headers={"accept-encoding": packed},
    )
    assert answer.json() == whole.json()
    assert answer.headers["x-total-count"] == str(DOCUMENTS * DATASETS)
    assert answer.headers.get("content-encoding", "identity") == packed
    assert (rows_read[0], max(rows_read)) == (10, 50)


LONG: dict[str, dict[str, Any]] = {
    "order of a text": {"order": "title DESC", "skip": 3, "include": ["techniques"]},
    "order of a query": {"query": "lung", "order": ["title", "pid DESC"]},
    "a regexp": {"where": {"title": {"regexp": "^L.*[123]"}}, "skip": 7},
    "a large limit": {"limit": 163, "skip": 5},
    "a large limit of order of a text": {"order": "title", "limit": 163},
    "a large limit of a regexp": {
        "where": {"title": {"regexp": "^L.*[0123]"}},
        "limit": 163,
    },
}


@pytest.mark.parametrize("kind", LONG)
async def test_any_long_list_is_sent_in_parts(
    kind: str, portal: Portal, rows_read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = LONG[kind]
    whole = await portal.get("/api/Datasets", filter=wanted)
    monkeypatch.setattr(pagination, "MAX_BUFFERED_ROWS", 20)
    monkeypatch.setattr(pagination, "BATCH_SIZE", 30)
    monkeypatch.setattr(pagination, "MAX_PIDS_PER_REQUEST", 30)
    rows_read.clear()
    answer = await portal.get("/api/Datasets", filter=wanted)
    assert len(answer.json()) > 150
    assert answer.json() == whole.json()
    assert answer.headers["x-total-count"] == whole.headers["x-total-count"]
    assert rows_read[-1] <= 30 < len(answer.json())
    page = await portal.get("/api/Datasets", filter={**wanted, "skip": 100, "limit": 9})
    start = 100 - wanted.get("skip", 0)
    assert page.json() == whole.json()[start : start + 9]


async def test_an_index_with_older_settings_is_updated(portal: Portal) -> None:
    engine = IndexerEngine(IndexerSettings(**portal.indexer.state.service.settings.model_dump()))
    settings = index_settings.settings("datasets")
    assert not await engine.ensure("datasets", settings)
    await engine.ensure("datasets", {**settings, "filterableAttributes": ["id"]})
    assert await engine.ensure("datasets", settings)


@pytest.mark.parametrize(
    ("query", "requests", "rows"),
    [
        ("heart", 2, 5),  # as written: counted, then searched
        ("haert", 3, 5),
        ("hear", 3, 5),
        ("xyzzyq", 1, 0),
        ("xyzzyq zyxxyq", 2, 0),
        ("xyzzyq heart", 4, 5),
    ],
)
async def test_the_words_of_a_query_need_few_requests(
    portal: Portal, rows_read: list[int], query: str, requests: int, rows: int
) -> None:
    answer = await portal.get("/api/Documents", filter={"query": query, "limit": 5})
    assert len(answer.json()) == rows
    assert len(rows_read) == requests
