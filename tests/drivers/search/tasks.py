"""Tasks of the search stand-in, executed at once in the process of the test."""

from typing import Any

from portal_local.search.tasks.engine import Engine, Worker
from portal_local.search.tasks.executor import EXECUTORS


def execute(engine: Engine, kind: str, **parameters: Any) -> None:
    """Executes a task of this kind with the index `i`."""
    engine.tasks.add(kind, "i", details={}, parameters=parameters)
    task = engine.tasks.start_next()
    assert task is not None
    Worker(engine, EXECUTORS)._execute_in_transaction(task, {})
    engine.tasks.finish(task.uid, {}, None)
