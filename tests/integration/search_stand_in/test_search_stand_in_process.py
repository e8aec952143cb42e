"""The stand-in as a process: it recovers from a kill and survives hostile input."""

import json
import threading

from meilisearch import Client

from tests.drivers import plain_http
from tests.drivers.search.engine import StandIn, wait_for_task


def test_finished_tasks_survive_a_kill(stand_in: StandIn) -> None:
    client = stand_in.start().client()
    index = client.index("organs")
    wait_for_task(
        client, index.update_settings({"filterableAttributes": ["n"], "stopWords": ["the"]})
    )
    documents = [{"id": n, "n": n, "t": f"the kidney {n}"} for n in range(50)]
    wait_for_task(client, index.add_documents(documents, "id"))
    wait_for_task(client, index.delete_document(7))
    before = index.search("kidney", {"filter": "n < 10", "hitsPerPage": 20})
    stand_in.kill()
    stand_in.start()
    after = index.search("kidney", {"filter": "n < 10", "hitsPerPage": 20})
    assert [hit["id"] for hit in after["hits"]] == [hit["id"] for hit in before["hits"]]
    assert after["totalHits"] == 9
    assert index.get_stop_words() == ["the"]
    assert client.get_raw_index("organs")["primaryKey"] == "id"


def test_tasks_accepted_before_a_kill_are_executed_after_it_once_and_in_order(
    stand_in: StandIn,
) -> None:
    client = stand_in.start().client()
    wait_for_task(client, client.create_index("a", {"primaryKey": "id"}))
    wait_for_task(client, client.create_index("b", {"primaryKey": "id"}))
    wait_for_task(client, client.index("a").add_documents([{"id": 1, "from": "a"}]))
    infos = [
        client.index("b").add_documents([{"id": n, "t": f"word{n % 97} " * 50} for n in range(600)])
    ]
    infos += [client.swap_indexes([{"indexes": ["a", "b"]}])]
    infos += [client.index("a").add_documents([{"id": 1, "n": n}]) for n in range(5)]
    stand_in.kill()
    stand_in.start()
    tasks = [wait_for_task(client, info) for info in infos]
    assert [task.status for task in tasks] == ["succeeded"] * 7
    assert client.index("a").get_document(1).n == 4
    assert client.index("a").get_stats().number_of_documents == 600
    assert client.index("b").get_document(1).__dict__ == {"id": 1, "from": "a"}


def test_searches_are_answered_while_a_task_is_running(stand_in: StandIn) -> None:
    server = stand_in.start()
    client = server.client()
    index = client.index("organs")
    wait_for_task(client, index.add_documents([{"id": n, "t": "kidney"} for n in range(10)], "id"))
    big = [
        {"id": 100 + n, "t": " ".join(f"w{(n * k) % 5000}" for k in range(60))} for n in range(800)
    ]
    seen, over = [], threading.Event()

    def search() -> None:
        own = Client(server.url, server.key).index("organs")
        while not over.is_set():
            seen.append(len(own.search("kidney", {"limit": 20})["hits"]))

    thread = threading.Thread(target=search)
    thread.start()
    try:
        task = wait_for_task(client, index.add_documents(big))
    finally:
        over.set()
        thread.join()
    assert task.status == "succeeded"
    assert seen
    assert set(seen) == {10}


def test_without_a_key_any_key_will_do(stand_in: StandIn) -> None:
    server = stand_in.start()
    assert plain_http.get(f"{server.url}/indexes").status_code == 200
    assert Client(server.url, "whatever").get_indexes()["total"] == 0


NASTY = [
    b"[" * 5000 + b"]" * 5000,
    b'{"id": ' + b"[" * 200 + b"]" * 200 + b"}",
    b'{"id": "\\ud800"}',
    b'{"id": 1e400}',
    b'{"id": 1, "n": ' + b"9" * 400 + b"}",
    b'{"id": 1, "": "", "a.": 1, ".": {"": [[[]]]}, "a": {"": 1}}',
    b'{"id": 1, "_geo": "x", "_vectors": 5}',
    b'{"id": "\\u0000"}',
    b"null",
    b'{"filter": [[[[]]]]}',
    b'{"q": "\\"\\"\\" - \\" -", "filter": null, "page": 0, "limit": 99999999999999999999999}',
    b'{"q": "' + b"a" * 20000 + b'"}',
    b'{"q": "' + b"word " * 3000 + b'", "hitsPerPage": 18446744073709551615, "page": 9999999}',
    b'{"attributesToCrop": ["*:0", ":", "a:999999999999"], "cropLength": 0, "q": "x"}',
    b'{"sort": [":asc", "_geoPoint(1,2):asc", ""]}',
    b'{"uid": 5}',
    b'{"uids": []}',
    b'[{"indexes": ["a", 1]}]',
    b'{"queries": [{"indexUid": "organs", "q": null}, 1]}',
    b'{"synonyms": {"": [""], "a": ["a"]}, "dictionary": ["", "(", "["], "stopWords": [""]}',
    b'{"filterableAttributes": [{"attributePatterns": [""]}, ""], "separatorTokens": ["", "|"]}',
    b'{"facets": ["*", ""], "facetName": "x", "facetQuery": 5}',
    b'{"pagination": {"maxTotalHits": 0}, "faceting": {"maxValuesPerFacet": 0}}',
]


def test_no_input_is_answered_with_a_fault_of_the_server(stand_in: StandIn) -> None:
    server = stand_in.start()
    client = server.client()
    settings = {"filterableAttributes": ["*"], "sortableAttributes": ["*"]}
    wait_for_task(client, client.index("organs").update_settings(settings))
    wait_for_task(client, client.index("organs").add_documents([{"id": 1, "x": "y"}], "id"))
    posts = [
        "documents",
        "search",
        "facet-search",
        "documents/delete",
        "documents/fetch",
        "documents/delete-batch",
    ]
    addresses = [("POST", f"/indexes/organs/{name}") for name in posts]
    addresses += [("POST", "/indexes"), ("POST", "/swap-indexes"), ("POST", "/multi-search")]
    addresses += [("PATCH", "/indexes/organs/settings"), ("PATCH", "/indexes/organs")]
    addresses += [
        ("PUT", "/indexes/organs/settings/synonyms"),
        ("PUT", "/indexes/organs/documents"),
    ]
    last = 0
    with plain_http.client(server.url, timeout=60) as http:
        for body in NASTY:
            for method, path in addresses:
                headers = {"Content-Type": "application/json"}
                answer = http.request(method, path, content=body, headers=headers)
                assert answer.status_code < 500, (method, path, body[:60], answer.text)
                content = answer.json()
                assert answer.status_code < 400 or content["code"], content
                last = content.get("taskUid", last)
            assert http.post("/indexes/organs/search", json={"q": "y"}).status_code == 200
        for path in (
            "/indexes/a%2Fb",
            "/indexes/%00",
            "/tasks/99999999999999999999",
            "/nowhere",
            "/indexes/organs/documents/%F0%9F",
            "/indexes?limit=-1",
            "/tasks?from=x",
            "/indexes/organs/documents?limit=1e3",
            "/indexes/organs/search?q=%ff",
        ):
            assert http.get(path).status_code < 500, path
    wait_for_task(client, client.index("organs").add_documents([{"id": "end"}]))
    tasks = plain_http.get(
        f"{server.url}/tasks", params={"limit": 1000, "statuses": "failed"}
    ).json()
    internal = [task for task in tasks["results"] if task["error"]["code"] == "internal"]
    assert not internal, json.dumps(internal)[:2000]
