"""GET /dois: filters, pages and cursors."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.drivers import plain_http
from tests.drivers.datacite import Publisher, datacite_process, payload


@pytest.fixture
def several(publish: Publisher, client: httpx.Client, doi: str) -> list[str]:
    """Five findable DOIs and two drafts of one name."""
    names = [f"{doi}.{number}" for number in range(7)]
    for name in names[:5]:
        publish(name)
    for name in names[5:]:
        client.put(f"/dois/{name}", json=payload(titles=[{"title": "A secret draft"}]))
    return names


def _ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [doi["id"] for doi in answer.json()["data"]]


def _walk(client: httpx.Client, answer: httpx.Response) -> Iterator[str]:
    yield from _ids(answer)
    while "next" in answer.json()["links"]:
        answer = client.get(answer.json()["links"]["next"])
        yield from _ids(answer)


def test_numbered_pages_cover_everything_once(
    client: httpx.Client, several: list[str], doi: str
) -> None:
    params = {"query": f"doi:{doi}*", "page[size]": 2, "page[number]": 1, "sort": "name"}
    first = client.get("/dois", params=params)
    assert _ids(first) == several[:2]
    meta = first.json()["meta"]
    assert (meta["total"], meta["totalPages"], meta["page"]) == (7, 4, 1)
    assert {s["id"]: s["count"] for s in meta["states"]} == {"draft": 2, "findable": 5}
    assert list(_walk(client, first)) == several
    assert _ids(client.get("/dois", params={**params, "page[number]": 4})) == several[6:]
    assert _ids(client.get("/dois", params={**params, "page[number]": 5})) == []


def test_a_cursor_covers_everything_once(
    client: httpx.Client, several: list[str], doi: str
) -> None:
    params = {"query": f"doi:{doi}*", "page[size]": 3, "page[cursor]": 1}
    assert sorted(_walk(client, client.get("/dois", params=params))) == several


def test_without_credentials_only_findable_dois_are_listed(
    anonymous: httpx.Client, several: list[str], doi: str
) -> None:
    params = {"query": f"doi:{doi}*", "sort": "name", "state": "draft"}
    assert _ids(anonymous.get("/dois", params=params)) == several[:5]


def test_state_prefix_and_words_filter_the_list(
    client: httpx.Client, several: list[str], doi: str
) -> None:
    mine = f"doi:{doi}*"
    assert len(_ids(client.get("/dois", params={"query": mine, "state": "draft,registered"}))) == 2
    assert _ids(client.get("/dois", params={"query": mine, "prefix": "10.60555"})) == []
    assert len(_ids(client.get("/dois", params={"query": f"{mine} secret"}))) == 2
    assert _ids(client.get("/dois", params={"query": several[3]})) == [several[3]]
    assert _ids(client.get("/dois", params={"query": f"{mine} 100%"})) == []


@pytest.mark.parametrize(
    "params",
    [
        {"page[size]": "many"},
        {"page[size]": "0"},
        {"page[size]": "9" * 400},
        {"page[number]": "-1"},
        {"page[number]": "²"},
        {"sort": "beauty"},
        {"query": "'; DROP TABLE dois; --"},
        {"query": "%_\\*"},
        {"state": "'"},
    ],
)
def test_odd_parameters_are_accepted(client: httpx.Client, params: dict[str, str]) -> None:
    assert client.get("/dois", params=params).status_code == 200


@pytest.mark.parametrize(
    "params", [{"page[cursor]": "é"}, {"page[cursor]": "////"}, {"query": "colour:red"}]
)
def test_invalid_parameters_are_refused(client: httpx.Client, params: dict[str, str]) -> None:
    answer = client.get("/dois", params=params)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["title"]


def test_the_list_may_lag_behind_what_was_written(tmp_path: Path) -> None:
    simulator = datacite_process(tmp_path, "--lag", "1")
    simulator.start()
    try:
        with plain_http.client(simulator.url, auth=("DEMO.PORTAL", "demo")) as client:
            client.put("/dois/10.5072/new", json=payload()).raise_for_status()
            assert client.get("/dois/10.5072/new").status_code == 200
            assert _ids(client.get("/dois")) == []
            end = time.monotonic() + 30
            while not _ids(client.get("/dois")) and time.monotonic() < end:
                time.sleep(0.1)
            assert _ids(client.get("/dois")) == ["10.5072/new"]
    finally:
        simulator.stop()
