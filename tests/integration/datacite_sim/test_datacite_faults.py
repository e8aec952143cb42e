"""Faults on request, counted calls, and a state that outlives the process."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.drivers import plain_http
from tests.drivers.datacite import Publisher, datacite_process, payload


def test_the_next_calls_are_refused_with_a_time_to_wait(
    publish: Publisher, client: httpx.Client, doi: str
) -> None:
    fault = {"effect": "status", "status": 429, "retry_after": 7, "times": 2}
    client.post("/_faults", json={**fault, "kind": "PUT /dois/{doi}"})
    assert client.get("/dois").status_code == 200
    for _ in range(2):
        turned_away = publish(doi)
        assert turned_away.status_code == 429
        assert turned_away.headers["retry-after"] == "7"
        assert turned_away.json()["errors"][0]["status"] == "429"
    assert publish(doi).status_code == 201
    assert client.get("/_faults").json() == []


def test_a_server_error_may_come_before_or_after_the_work(
    publish: Publisher, client: httpx.Client, doi: str
) -> None:
    client.post("/_faults", json={"effect": "status", "status": 500})
    assert publish(doi).status_code == 500
    assert client.get(f"/dois/{doi}").status_code == 404
    client.post("/_faults", json={"effect": "status", "status": 503, "when": "after"})
    assert publish(doi).status_code == 503
    assert client.get(f"/dois/{doi}").status_code == 200


def test_an_answer_may_be_html(publish: Publisher, client: httpx.Client, doi: str) -> None:
    client.post("/_faults", json={"effect": "html", "status": 200})
    answer = publish(doi)
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(("when", "after"), [("before", 404), ("after", 200)])
def test_a_connection_drops_before_or_after_the_work(
    publish: Publisher, client: httpx.Client, doi: str, when: str, after: int
) -> None:
    client.post("/_faults", json={"effect": "drop", "when": when})
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        publish(doi)
    assert client.get(f"/dois/{doi}").status_code == after


def test_a_slow_answer_still_comes(publish: Publisher, client: httpx.Client, doi: str) -> None:
    client.post("/_faults", json={"effect": "slow", "seconds": 0.3})
    answer = publish(doi)
    assert answer.status_code == 201
    assert answer.elapsed.total_seconds() >= 0.3


def test_success_does_not_mean_that_it_resolves(
    publish: Publisher, client: httpx.Client, anonymous: httpx.Client, doi: str
) -> None:
    client.post("/_faults", json={"effect": "handle"})
    first = publish(doi)
    assert first.status_code == 201
    assert first.json()["data"]["attributes"]["registered"] is None
    assert anonymous.get(f"/{doi}").status_code == 404
    assert publish(doi).json()["data"]["attributes"]["registered"] is not None
    assert anonymous.get(f"/{doi}").status_code == 302


def test_several_faults_are_set_and_cleared_at_once(client: httpx.Client) -> None:
    client.post("/_faults", json=[{"effect": "drop", "times": None}, {"effect": "html"}])
    assert [fault["effect"] for fault in client.get("/_faults").json()] == ["drop", "html"]
    client.delete("/_faults")
    assert client.get("/dois").status_code == 200


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": "explode"},
        {"effect": "status", "status": 9},
        {"effect": "drop", "times": 0},
        {"effect": "drop", "colour": "red"},
        7,
    ],
)
def test_a_fault_that_does_not_exist_is_refused(client: httpx.Client, fault: object) -> None:
    answer = client.post("/_faults", json=fault)
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert client.get("/_faults").json() == []


def test_calls_are_counted_by_kind_and_answer(
    publish: Publisher, client: httpx.Client, doi: str
) -> None:
    publish(doi)
    publish(doi)
    publish(doi + "-x", creators=[])
    client.get(f"/dois/{doi}")
    client.get(f"/{doi}")
    counts = client.get("/_calls").json()
    assert counts["calls"] == {"GET /dois/{doi}": 1, "GET /{doi}": 1, "PUT /dois/{doi}": 3}
    assert counts["answers"]["PUT /dois/{doi} 201"] == 1
    assert counts["answers"]["PUT /dois/{doi} 422"] == 1
    client.delete("/_calls")
    assert client.get("/_calls").json() == {"calls": {}, "answers": {}}


def test_of_many_who_create_the_same_doi_one_does(client: httpx.Client, doi: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        posts = [pool.submit(client.post, "/dois", json=payload(doi=doi)) for _ in range(24)]
    statuses = sorted(post.result().status_code for post in posts)
    assert statuses == [201, *[422] * 23]


def test_a_killed_datacite_comes_back_with_every_doi_and_count(tmp_path: Path) -> None:
    first = datacite_process(tmp_path)
    first.start()
    with plain_http.client(first.url, auth=("demo.portal", "demo")) as client:
        made = [client.post("/dois", json=payload(prefix="10.5072")) for _ in range(6)]
        first.kill()
    second = datacite_process(tmp_path, "--latency", "0.05")
    second.start()
    with plain_http.client(second.url, auth=("demo.portal", "demo")) as client:
        for post in made:
            found = client.get(f"/dois/{post.json()['data']['id']}")
            assert found.json() == post.json()
            assert found.elapsed.total_seconds() >= 0.05
        assert client.get("/_calls").json()["calls"]["POST /dois"] == 6
    second.stop()
