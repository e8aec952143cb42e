"""Indexes, swaps and access, as Meilisearch documents them."""

from collections.abc import Callable

import httpx
import pytest
from meilisearch import Client
from meilisearch.errors import MeilisearchApiError
from meilisearch.models.task import Task, TaskInfo

from tests.drivers import plain_http
from tests.drivers.search.engine import IndexFactory, Server


def test_the_service_states_that_it_is_available(client: Client, server: Server) -> None:
    assert client.health() == {"status": "available"}
    assert plain_http.get(f"{server.url}/health").status_code == 200
    assert set(client.get_version()) == {"commitSha", "commitDate", "pkgVersion"}


def test_an_index_is_created_by_a_task(
    client: Client, wait_task: Callable[[TaskInfo], Task], uid: str
) -> None:
    info = client.create_index(uid, {"primaryKey": "pid"})
    assert (info.status, info.type, info.index_uid) == ("enqueued", "indexCreation", uid)
    task = wait_task(info)
    assert (task.status, task.details, task.error) == ("succeeded", {"primaryKey": "pid"}, None)
    assert task.enqueued_at <= task.started_at <= task.finished_at
    assert client.get_raw_index(uid)["primaryKey"] == "pid"
    assert client.index(uid).get_primary_key() == "pid"
    assert uid in {index.uid for index in client.get_indexes({"limit": 1000})["results"]}


def test_creating_an_index_twice_fails_in_the_task(
    client: Client, wait_task: Callable[[TaskInfo], Task], uid: str
) -> None:
    wait_task(client.create_index(uid))
    task = wait_task(client.create_index(uid))
    assert task.status == "failed"
    assert task.error["code"] == "index_already_exists"
    assert task.error["type"] == "invalid_request"
    assert task.error["link"].startswith("https://docs.meilisearch.com/errors#")
    assert uid in task.error["message"]


def test_a_missing_index_is_404_with_its_name(client: Client, http: httpx.Client) -> None:
    with pytest.raises(MeilisearchApiError) as caught:
        client.get_index("nowhere-at-all")
    assert (caught.value.status_code, caught.value.code) == (404, "index_not_found")
    assert caught.value.message == "Index `nowhere-at-all` not found."
    for path in ("/settings", "/stats", "/documents", "/documents/1", "/search"):
        answer = http.get(f"/indexes/nowhere-at-all{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "index_not_found"), path


def test_deleting_a_missing_index_fails_in_the_task(
    client: Client, wait_task: Callable[[TaskInfo], Task]
) -> None:
    task = wait_task(client.delete_index("nowhere-at-all"))
    assert (task.status, task.error["code"]) == ("failed", "index_not_found")


def test_a_deleted_index_is_gone_with_its_documents(
    client: Client, wait_task: Callable[[TaskInfo], Task], uid: str
) -> None:
    wait_task(client.index(uid).add_documents([{"id": 1}], "id"))
    task = wait_task(client.delete_index(uid))
    assert task.details == {"deletedDocuments": 1}
    with pytest.raises(MeilisearchApiError):
        client.get_index(uid)
    wait_task(client.create_index(uid, {"primaryKey": "id"}))
    assert client.index(uid).get_stats().number_of_documents == 0


def test_an_index_name_has_only_certain_characters(client: Client) -> None:
    with pytest.raises(MeilisearchApiError) as caught:
        client.create_index("not a name")
    assert (caught.value.status_code, caught.value.code) == (400, "invalid_index_uid")


def test_the_primary_key_may_be_set_while_there_is_no_document(
    client: Client, wait_task: Callable[[TaskInfo], Task], uid: str
) -> None:
    wait_task(client.create_index(uid))
    assert wait_task(client.index(uid).update(primary_key="pid")).status == "succeeded"
    assert client.index(uid).get_primary_key() == "pid"
    wait_task(client.index(uid).add_documents([{"pid": "a"}]))
    task = wait_task(client.index(uid).update(primary_key="other"))
    assert task.error["code"] == "index_primary_key_already_exists"


def test_statistics_count_documents_and_fields(make_index: IndexFactory) -> None:
    index = make_index([{"id": 1, "a": 1}, {"id": 2, "b": [1]}])
    stats = index.get_stats()
    assert stats.number_of_documents == 2
    assert stats.is_indexing is False
    assert dict(stats.field_distribution)["_FieldDistribution__dict"] == {"id": 2, "a": 1, "b": 1}


def test_swapped_indexes_exchange_documents_and_settings(
    client: Client, make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    one = make_index([{"id": 1, "t": "old"}], {"filterableAttributes": ["t"]})
    other = make_index([{"id": 2, "t": "new"}, {"id": 3, "t": "new"}])
    task = wait_task(client.swap_indexes([{"indexes": [one.uid, other.uid]}]))
    assert (task.status, task.type, task.index_uid) == ("succeeded", "indexSwap", None)
    assert {hit["id"] for hit in one.search("")["hits"]} == {2, 3}
    assert [hit["id"] for hit in other.search("old")["hits"]] == [1]
    assert one.get_filterable_attributes() == []
    assert other.get_filterable_attributes() == ["t"]
    wait_task(one.add_documents([{"id": 4, "t": "later"}]))
    assert one.get_stats().number_of_documents == 3
    assert other.get_stats().number_of_documents == 1


def test_a_swap_with_a_missing_index_fails_and_changes_nothing(
    client: Client, make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    one = make_index([{"id": 1}])
    task = wait_task(client.swap_indexes([{"indexes": [one.uid, "nowhere-at-all"]}]))
    assert (task.status, task.error["code"]) == ("failed", "index_not_found")
    assert one.get_stats().number_of_documents == 1


def test_a_swap_names_two_indexes_each_once(client: Client) -> None:
    with pytest.raises(MeilisearchApiError) as caught:
        client.swap_indexes([{"indexes": ["a", "b", "c"]}])
    assert caught.value.code == "invalid_swap_indexes"
    with pytest.raises(MeilisearchApiError) as caught:
        client.swap_indexes([{"indexes": ["a", "b"]}, {"indexes": ["b", "c"]}])
    assert caught.value.code == "invalid_swap_duplicate_index_found"


def test_only_health_is_answered_without_the_key(server: Server) -> None:
    if server.key is None:
        pytest.skip("the engine given has no key")
    answer = plain_http.get(f"{server.url}/indexes")
    assert (answer.status_code, answer.json()["code"]) == (401, "missing_authorization_header")
    assert answer.json()["type"] == "auth"
    with pytest.raises(MeilisearchApiError) as caught:
        Client(server.url, "wrong").get_indexes()
    assert (caught.value.status_code, caught.value.code) == (403, "invalid_api_key")
    assert plain_http.get(f"{server.url}/health").status_code == 200


def test_bodies_that_are_no_json_are_refused(http: httpx.Client, make_index: IndexFactory) -> None:
    url = f"/indexes/{make_index().uid}/documents"
    answer = http.post(url, content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_payload")
    answer = http.post(url, content=b"", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "missing_payload")
    answer = http.post(url, content=b"[]", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (415, "invalid_content_type")
    answer = http.post(url, content=b"[]")
    assert (answer.status_code, answer.json()["code"]) == (415, "missing_content_type")
