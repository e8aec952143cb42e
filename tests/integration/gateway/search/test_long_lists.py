"""Lists, exports and far pages are read on after a row; rows, order and totals stay exact."""
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false

import asyncio
import csv
import io
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from portal_gateway.engine import locator, reader
from portal_gateway.results import search as results
from portal_gateway.search import pagination, planner, relations
from portal_shared.contracts.events import DatasetRegistered
from portal_shared.contracts.records import Dataset

from tests.drivers.portal import Portal

pytestmark = pytest.mark.asyncio(loop_scope="module")
COUNT = 60
Row = dict[str, Any]


def dataset(number: int) -> Dataset:
    size = None if number % 7 == 3 else number % 5 * 10**9
    return Dataset.model_validate(
        {
            "pid": f"10.1/long-{number * 37 % COUNT:03d}",
            "name": f"s{number}",
            "title": "Überblick" if number % 11 == 0 else f"Lung {'x' * (number % 6)}",
            "profile": "human-organs",
            "created": datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=number % 9),
            "size": size,
            "license": None if number % 3 else f"licence {number % 2}",
            "parameters": [{"name": "voxel_size", "value": number % 4 + 0.5, "unit": "um"}],
        }
    )


def key(row: Row, order: list[str]) -> list[Any]:
    found: list[Any] = []
    for one in order:
        name, _, direction = one.partition(" ")
        value = row.get(name)
        found.append((value is None, _reversed(value) if direction else value))
    return found


def _reversed(value: Any) -> Any:
    """Returns a key that sorts in the opposite direction."""
    if isinstance(value, str):
        return [-ord(c) for c in value] + [1]
    return None if value is None else -value


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(shared_portal: Portal) -> AsyncGenerator[Portal]:
    events = [DatasetRegistered(dataset=dataset(n), version=1) for n in range(COUNT)]
    await shared_portal.publish(events)
    await shared_portal.wait_indexed()
    yield shared_portal


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes pages and batches so small that these records are a long list."""
    monkeypatch.setattr(locator, "MAX_SKIPPED", 3)
    monkeypatch.setattr(pagination, "MAX_SKIPPED", 3)
    monkeypatch.setattr(results, "MAX_SKIPPED", 3)
    monkeypatch.setattr(locator, "SAMPLES", 6)
    monkeypatch.setattr(locator, "COUNTED", 3)
    monkeypatch.setattr(pagination, "MAX_BUFFERED_ROWS", 7)
    monkeypatch.setattr(pagination, "FIRST_ROWS", 3)
    monkeypatch.setattr(reader, "BATCH_BY_ID", 5)
    for module, name in (
        (pagination, "BATCH_SIZE"),
        (planner, "BATCH_SIZE"),
        (planner, "BATCH_SIZE_WITH_RELATIONS"),
        (relations, "BATCH_SIZE"),
        (results, "BATCH_SIZE"),
    ):
        monkeypatch.setattr(module, name, 5)


ORDERS = (
    [],
    ["pid DESC"],
    ["title"],
    ["title DESC", "size"],
    ["size DESC"],
    ["license", "size DESC", "pid DESC"],
    ["creationDate DESC", "title"],
)


@pytest.mark.parametrize("order", ORDERS, ids=",".join)
@pytest.mark.parametrize("query", ["", "lung"])
async def test_pages_and_lists_are_the_same_rows_in_order(
    api: Portal, order: list[str], query: str
) -> None:
    every = list((await api.get("/api/Datasets", limit="100")).json())
    if query:
        every = [row for row in every if "Lung" in row["title"]]
    expected = [r["pid"] for r in sorted(every, key=lambda r: (key(r, order), r["pid"]))]
    wanted: Row = {"order": order, **({"query": query} if query else {})}
    whole = await api.get("/api/Datasets", filter=wanted)
    found = [row["pid"] for row in whole.json()]
    assert found == expected if order or not query else sorted(found) == expected
    assert whole.headers["x-total-count"] == str(len(expected))
    for skip in (0, 4, 9, 30, 31, len(expected) - 2, len(expected), len(expected) + 9):
        page = await api.get("/api/Datasets", filter={**wanted, "skip": skip, "limit": 6})
        assert [row["pid"] for row in page.json()] == found[skip : skip + 6], skip
        assert page.headers["x-total-count"] == str(len(expected))
        rest = await api.get("/api/Datasets", filter={**wanted, "skip": skip})
        assert [row["pid"] for row in rest.json()] == found[skip:], skip
    table = await api.get("/api/Datasets/export", filter=wanted, columns="pid")
    assert [line["pid"] for line in csv.DictReader(io.StringIO(table.text))] == found


@pytest.mark.parametrize("sort", ["", "name", "-date", "voxel_um", "-voxel_um", "bytes"])
async def test_result_pages_and_their_export_are_the_same_rows(api: Portal, sort: str) -> None:
    shown: list[str] = []
    for page in range(1, 8):
        answer = await api.reader.get(
            "/api/search", params={"sort": sort, "page": page, "per_page": 10}
        )
        assert answer.status_code == 200, answer.text
        shown += [row["pid"] for row in answer.json()["rows"]]
    assert len(set(shown)) == len(shown) == COUNT
    exported = await api.reader.get("/api/search/export", params={"sort": sort, "format": "json"})
    assert [row["pid"] for row in exported.json()] == shown


async def test_a_page_is_exact_after_records_were_added_before_it(api: Portal) -> None:
    wanted = {"where": {"title": {"like": "Lung%"}}, "order": "title", "skip": 30, "limit": 5}
    before = (await api.get("/api/Datasets", filter=wanted)).json()
    again = (await api.get("/api/Datasets", filter=wanted)).json()
    assert again == before
    added = dataset(1).model_copy(update={"pid": "10.1/added", "title": "Lung"})
    await api.publish([DatasetRegistered(dataset=added, version=1)])
    await api.wait_indexed()
    shifted = (await api.get("/api/Datasets", filter={**wanted, "skip": 31})).json()
    assert shifted == before
    pages = await asyncio.gather(
        *(api.get("/api/Datasets", filter={**wanted, "skip": n}) for n in (30, 31, 32))
    )
    first, second, third = ([r["pid"] for r in page.json()] for page in pages)
    assert first[1:] == second[:-1]
    assert second[1:] == third[:-1]
