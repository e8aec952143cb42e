"""Documents: adding, updating, reading, deleting; and the tasks that do it."""
# pyright: basic, reportArgumentType=false, reportOptionalSubscript=false
# pyright: reportOptionalMemberAccess=false, reportOperatorIssue=false

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import httpx
import pytest
from meilisearch import Client
from meilisearch.errors import MeilisearchApiError
from meilisearch.index import Index
from meilisearch.models.task import Task, TaskInfo

from tests.drivers.search.engine import IndexFactory


def ids(index: Index, **parameters: Any) -> list[Any]:
    return [document.id for document in index.get_documents(parameters).results]


def test_documents_are_added_by_a_task_and_read_back_as_they_were(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    document = {
        "id": "LADAF-2021-17_kidney",
        "title": "Überblick “quoted”",
        "nested": {"list": [1, 2.5, None, True], "empty": {}},
        "none": None,
    }
    index = make_index()
    task = wait_task(index.add_documents([document]))
    assert task.status == "succeeded"
    assert task.type == "documentAdditionOrUpdate"
    assert task.details == {"receivedDocuments": 1, "indexedDocuments": 1}
    assert dict(index.get_document("LADAF-2021-17_kidney")) == document
    assert index.search("")["hits"] == [document]


def test_adding_again_replaces_and_updating_merges_the_top_level(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    index = make_index([{"id": 1, "a": {"x": 1}, "b": 2}])
    wait_task(index.update_documents([{"id": 1, "a": {"y": 1}, "c": 3}]))
    assert dict(index.get_document(1)) == {"id": 1, "a": {"y": 1}, "b": 2, "c": 3}
    wait_task(index.add_documents([{"id": 1, "d": 4}]))
    assert dict(index.get_document("1")) == {"id": 1, "d": 4}
    assert index.get_stats().number_of_documents == 1


def test_words_of_a_replaced_document_are_no_longer_found(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    settings = {"filterableAttributes": ["organ", "size"], "sortableAttributes": ["size"]}
    index = make_index(
        [{"id": 1, "organ": "kidney", "size": 1}, {"id": 2, "organ": "lung"}], settings
    )
    wait_task(index.add_documents([{"id": 1, "organ": "heart", "size": 2}]))
    assert index.search("kidney")["hits"] == []
    assert index.search("", {"filter": "organ = kidney"})["hits"] == []
    assert index.search("", {"filter": "size = 1"})["hits"] == []
    found = index.search("heart", {"filter": "size = 2", "facets": ["organ"]})
    assert [hit["id"] for hit in found["hits"]] == [1]
    assert found["facetDistribution"] == {"organ": {"heart": 1}}


def test_the_same_document_twice_in_one_batch_is_one(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    index = make_index()
    wait_task(index.add_documents([{"id": 1, "t": "first"}, {"id": 1, "t": "second"}]))
    assert dict(index.get_document(1)) == {"id": 1, "t": "second"}
    assert index.search("first")["hits"] == []


def test_newline_delimited_json_is_taken(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    index = make_index()
    lines = b'{"id":1,"t":"one"}\n{"id":2,"t":"two"}\n'
    task = wait_task(index.add_documents_ndjson(lines))
    assert task.details == {"receivedDocuments": 2, "indexedDocuments": 2}
    task = wait_task(index.update_documents_ndjson(b'{"id":2,"u":1}'))
    assert dict(index.get_document(2)) == {"id": 2, "t": "two", "u": 1}


def test_an_index_is_made_by_the_first_documents_and_infers_its_key(
    client: Client, wait_task: Callable[[TaskInfo], Task], uid: str
) -> None:
    assert wait_task(client.index(uid).add_documents([{"pid": "a", "x": 1}])).status == "succeeded"
    assert client.get_raw_index(uid)["primaryKey"] == "pid"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"title": "no key at all"}, "index_primary_key_no_candidate_found"),
        ({"pid": 1, "other_id": 2}, "index_primary_key_multiple_candidates_found"),
    ],
)
def test_a_key_that_cannot_be_inferred_fails_in_the_task(
    client: Client,
    wait_task: Callable[[TaskInfo], Task],
    uid: str,
    document: dict[str, Any],
    code: str,
) -> None:
    task = wait_task(client.index(uid).add_documents([document]))
    assert (task.status, task.error["code"]) == ("failed", code)


@pytest.mark.parametrize("wrong", ["with space", "a/b", "ä", "", 1.5, True, None, "x" * 512])
def test_an_identifier_of_other_characters_fails_in_the_task(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task], wrong: Any
) -> None:
    index = make_index()
    task = wait_task(index.add_documents([{"id": "fine"}, {"id": wrong}]))
    assert (task.status, task.error["code"]) == ("failed", "invalid_document_id")
    assert task.details["receivedDocuments"] == 2
    assert task.details["indexedDocuments"] == 0
    assert ids(index) == []


def test_a_document_without_identifier_fails_in_the_task(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    task = wait_task(make_index().add_documents([{"title": "x"}]))
    assert (task.status, task.error["code"]) == ("failed", "missing_document_id")


def test_a_primary_key_other_than_the_indexs_fails_in_the_task(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    task = wait_task(make_index([{"id": 1}]).add_documents([{"id": 1, "pid": 2}], "pid"))
    assert (task.status, task.error["code"]) == ("failed", "index_primary_key_already_exists")


def test_a_missing_document_is_404(make_index: IndexFactory) -> None:
    with pytest.raises(MeilisearchApiError) as caught:
        make_index([{"id": 1}]).get_document("2")
    assert (caught.value.status_code, caught.value.code) == (404, "document_not_found")
    assert caught.value.message == "Document `2` not found."


def test_documents_are_listed_in_pages_with_chosen_fields(make_index: IndexFactory) -> None:
    index = make_index([{"id": n, "a": n, "b": {"c": n, "d": n}} for n in range(5)])
    page = index.get_documents({"offset": 1, "limit": 2, "fields": ["id", "b.c"]})
    assert (page.offset, page.limit, page.total) == (1, 2, 5)
    assert len(page.results) == 2
    for document in page.results:
        number = document.id
        assert dict(document) == {"id": number, "b": {"c": number}}
    assert sorted(ids(index, limit=5)) == [0, 1, 2, 3, 4]
    assert sorted(dict(index.get_document(3, {"fields": ["a"]})).items()) == [("a", 3)]


def test_documents_are_listed_by_filter(make_index: IndexFactory, http: httpx.Client) -> None:
    index = make_index([{"id": n, "a": n} for n in range(5)], {"filterableAttributes": ["a"]})
    assert sorted(ids(index, filter="a > 2")) == [3, 4]
    answer = http.get(f"/indexes/{index.uid}/documents", params={"filter": "a > 2"})
    assert answer.json()["total"] == 2
    with pytest.raises(MeilisearchApiError) as caught:
        index.get_documents({"filter": "id > 2"})
    assert caught.value.code == "invalid_document_filter"


def test_one_document_many_documents_and_all_are_deleted(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    index = make_index([{"id": n} for n in range(6)])
    task = wait_task(index.delete_document(0))
    assert task.type == "documentDeletion"
    assert task.details["providedIds"] == 1
    assert task.details["deletedDocuments"] == 1
    assert wait_task(index.delete_document("0")).details["deletedDocuments"] == 0
    with pytest.warns(DeprecationWarning, match="ids is depreciated"):
        info = index.delete_documents(["1", "2", "99"])
    assert wait_task(info).details["deletedDocuments"] == 2
    assert sorted(ids(index)) == [3, 4, 5]
    assert wait_task(index.delete_all_documents()).details["deletedDocuments"] == 3
    assert index.search("")["estimatedTotalHits"] == 0


def test_documents_are_deleted_by_filter(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    index = make_index([{"id": n, "a": n} for n in range(6)], {"filterableAttributes": ["a"]})
    task = wait_task(index.delete_documents(filter="a >= 2 AND a != 4"))
    assert task.details["deletedDocuments"] == 3
    assert task.details["originalFilter"] == '"a >= 2 AND a != 4"'
    assert sorted(ids(index)) == [0, 1, 4]
    task = wait_task(index.delete_documents(filter="nothing = 1"))
    assert task.status == "failed"


def test_tasks_are_done_in_the_order_they_were_sent(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    index = make_index()
    infos = [index.add_documents([{"id": 1, "n": n}]) for n in range(12)]
    assert [info.task_uid for info in infos] == sorted(info.task_uid for info in infos)
    last = wait_task(infos[-1])
    assert dict(index.get_document(1))["n"] == 11
    tasks = [index.get_task(info.task_uid) for info in infos]
    assert [task.status for task in tasks] == ["succeeded"] * 12
    assert all(a.finished_at <= b.finished_at for a, b in pairwise(tasks))
    assert last.duration.startswith("PT")


def test_a_failed_task_does_not_stop_those_behind_it(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    index = make_index()
    wrong = index.add_documents([{"id": "not valid"}])
    right = index.add_documents([{"id": "valid"}])
    assert wait_task(right).status == "succeeded"
    assert wait_task(wrong).status == "failed"
    assert ids(index) == ["valid"]


def test_tasks_are_listed_newest_first_in_pages(
    client: Client, make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    index = make_index()
    infos = [index.add_documents([{"id": n}]) for n in range(5)]
    wait_task(infos[-1])
    wanted = {"indexUids": [index.uid], "types": ["documentAdditionOrUpdate"], "limit": "2"}
    page = client.get_tasks(dict(wanted))
    uids = [info.task_uid for info in infos]
    assert [task.uid for task in page.results] == uids[:2:-1]
    assert (page.total, page.limit, page.from_, page.next_) == (5, 2, uids[4], uids[2])
    page = client.get_tasks({**wanted, "from": str(page.next_)})
    assert [task.uid for task in page.results] == [uids[2], uids[1]]
    page = client.get_tasks({**wanted, "limit": "10", "from": str(uids[1])})
    assert ([task.uid for task in page.results], page.next_) == ([uids[1], uids[0]], None)


def test_tasks_are_listed_by_uid_and_status(
    client: Client, make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    index = make_index()
    right = index.add_documents([{"id": 1}])
    wrong = index.add_documents([{"id": "n o"}])
    wait_task(wrong)
    both = [str(right.task_uid), str(wrong.task_uid)]
    found = client.get_tasks({"uids": both, "statuses": ["failed"]})
    assert [task.uid for task in found.results] == [wrong.task_uid]
    found = client.get_tasks({"uids": both, "statuses": "succeeded,failed"})
    assert len(found.results) == 2


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"statuses": "done"}, "invalid_task_statuses"),
        ({"types": "guess"}, "invalid_task_types"),
        ({"uids": "one"}, "invalid_task_uids"),
        ({"limit": "many"}, "invalid_task_limit"),
        ({"from": "here"}, "invalid_task_from"),
        ({"something": "1"}, "bad_request"),
    ],
)
def test_wrong_parameters_of_the_task_list_are_refused(
    http: httpx.Client, parameters: dict[str, Any], code: str
) -> None:
    answer = http.get("/tasks", params=parameters)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_missing_task_is_404(client: Client) -> None:
    with pytest.raises(MeilisearchApiError) as caught:
        client.get_task(2**40 // 1000)
    assert (caught.value.status_code, caught.value.code) == (404, "task_not_found")


def test_finished_tasks_can_be_deleted(
    client: Client, make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    index = make_index()
    info = index.add_documents([{"id": 1}])
    wait_task(info)
    task = wait_task(client.delete_tasks({"uids": [str(info.task_uid)]}))
    assert (task.details["matchedTasks"], task.details["deletedTasks"]) == (1, 1)
    with pytest.raises(MeilisearchApiError):
        client.get_task(info.task_uid)


@pytest.mark.parametrize("body", [b'[{"id": NaN}]', b'[{"id": 1}', b"\xff"])
def test_documents_that_are_no_json_are_refused_at_once(
    http: httpx.Client, make_index: IndexFactory, body: bytes
) -> None:
    url = f"/indexes/{make_index().uid}/documents"
    answer = http.post(url, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_payload")


def test_a_single_object_is_a_batch_of_one(
    http: httpx.Client,
    make_index: IndexFactory,
    wait_task: Callable[[TaskInfo], Task],
    client: Client,
) -> None:
    index = make_index()
    answer = http.post(
        f"/indexes/{index.uid}/documents",
        content=json.dumps({"id": 7}),
        headers={"Content-Type": "application/json; charset=utf-8"},
    )
    assert answer.status_code == 202
    client.wait_for_task(answer.json()["taskUid"], interval_in_ms=10)
    assert ids(index) == [7]
