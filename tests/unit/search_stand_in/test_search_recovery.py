"""The worker recovers tasks that the end of the process interrupted."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from portal_local.search.tasks.engine import AfterCommit, Engine, Worker
from portal_local.search.tasks.executor import EXECUTORS
from portal_local.search.tasks.queue import Task


@pytest.fixture
def engine(tmp_path: Path) -> Generator[Engine]:
    made = Engine(tmp_path)
    yield made
    made.close()


def enqueue(engine: Engine, kind: str, uid: str | None, **parameters: Any) -> int:
    details = {"primaryKey": parameters.get("primaryKey")}
    return engine.tasks.add(kind, uid, details=details, parameters=parameters)["taskUid"]


def run_all_tasks(engine: Engine, **kinds: Any) -> None:
    """Executes all waiting tasks."""
    worker = Worker(engine, {**EXECUTORS, **kinds})
    last = enqueue(engine, "taskDeletion", None, wanted='{"uids": [999], "moments": []}')
    worker.start()
    while engine.tasks.get(last)["status"] in ("enqueued", "processing"):
        worker.join(0.005)
    worker.stop()


def documents(engine: Engine, uid: str) -> int:
    return engine.index(uid).alive.bit_count()


def test_a_task_that_was_committed_but_not_marked_is_not_executed_again(engine: Engine) -> None:
    enqueue(engine, "indexCreation", "a", primaryKey="id")
    enqueue(engine, "indexCreation", "b", primaryKey="id")
    parameters = {"documents": [{"id": 1}], "update": False}
    enqueue(engine, "documentAdditionOrUpdate", "a", **parameters)
    run_all_tasks(engine)
    swap = enqueue(engine, "indexSwap", None, swaps=[["a", "b"]])
    task = engine.tasks.start_next()
    assert task is not None
    Worker(engine, EXECUTORS)._execute_in_transaction(task, {})
    run_all_tasks(engine)
    assert engine.tasks.get(swap)["status"] == "succeeded"
    assert (documents(engine, "a"), documents(engine, "b")) == (0, 1)


def test_a_task_that_was_running_is_executed_again(engine: Engine) -> None:
    uid = enqueue(engine, "indexCreation", "a", primaryKey="id")
    assert engine.tasks.start_next() is not None
    assert engine.tasks.get(uid)["status"] == "processing"
    run_all_tasks(engine)
    assert engine.tasks.get(uid)["status"] == "succeeded"
    assert engine.index("a").primary_key == "id"


def test_a_defect_in_a_task_fails_it_and_leaves_no_trace(engine: Engine) -> None:
    def half(engine: Engine, task: Task, details: dict[str, Any], steps: AfterCommit) -> None:
        EXECUTORS["indexCreation"](engine, task, details, steps)

        def break_down() -> None:
            raise KeyError("defect")

        if task.index_uid == "before":
            break_down()
        steps.insert(0, break_down)

    before = enqueue(engine, "indexCreation", "before")
    after = enqueue(engine, "indexCreation", "after")
    run_all_tasks(engine, indexCreation=half)
    for uid in (before, after):
        assert engine.tasks.get(uid)["error"]["code"] == "internal"
    assert set(engine.indexes) == {"after"}
    assert engine.index("after").uid == "after"


def test_everything_is_as_it_was_when_the_folder_is_opened_again(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    change = {"filterableAttributes": ["n"], "searchableAttributes": ["t"]}
    enqueue(engine, "settingsUpdate", "a", settings=change)
    listed = [{"id": n, "n": n % 3, "t": f"word{n}"} for n in range(40)]
    enqueue(engine, "documentAdditionOrUpdate", "a", documents=listed, update=False)
    enqueue(engine, "documentDeletion", "a", ids=["3", "4"])
    run_all_tasks(engine)
    index = engine.index("a")
    state = (index.alive, index.facets.field("n").numbers, index.vocabulary.sorted, index.fields)
    engine.close()
    again = Engine(tmp_path)
    found = again.index("a")
    assert found.alive.bit_count() == 38
    assert "word3" not in found.vocabulary.sorted
    assert (found.alive, found.vocabulary.sorted, found.fields) == (state[0], state[2], state[3])
    assert found.facets.field("n").equal("1") == index.facets.field("n").equal("1")
    assert found.rules.settings == index.rules.settings
    again.close()


def test_the_file_of_tasks_shrinks_when_they_are_finished(engine: Engine, tmp_path: Path) -> None:
    enqueue(engine, "indexCreation", "a", primaryKey="id")
    documents = [{"id": n, "text": "x" * 1000} for n in range(2000)]
    enqueue(engine, "documentAdditionOrUpdate", "a", documents=documents, update=False)
    run_all_tasks(engine)
    engine.tasks.close()
    assert (tmp_path / "tasks.sqlite").stat().st_size < 200_000
