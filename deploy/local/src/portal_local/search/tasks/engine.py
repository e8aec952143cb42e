"""All indexes of one data folder, and the worker that executes their tasks in order."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from portal_local.search.errors import Failure, no_index
from portal_local.search.index import storage
from portal_local.search.index.index import Index
from portal_local.search.tasks.queue import Task, TaskQueue
from portal_local.search.timestamps import now

IDLE_SECONDS = 0.5  # after which the worker polls without a wake-up


class Engine:
    """The indexes in memory and in their file; the lock separates searches and commits of tasks."""

    def __init__(self, folder: Path) -> None:
        file = folder / "search.sqlite"
        self.writer = storage.connect(file, storage.INDEXES)
        self.reader = storage.connect(file, storage.INDEXES)
        self.file = file
        self.tasks = TaskQueue(folder)
        self.lock = threading.RLock()
        self.indexes: dict[str, Index] = {}
        self.load()

    def load(self) -> None:
        """Loads all indexes from the file into memory."""
        rows = self.reader.execute("SELECT id, uid, primary_key FROM indexes").fetchall()
        self.indexes = {uid: Index(self.reader, number, uid, key) for number, uid, key in rows}
        for index in self.indexes.values():
            index.load()

    def index(self, uid: str) -> Index:
        found = self.indexes.get(uid)
        if found is None:
            raise no_index(uid)
        return found

    def create_index(self, uid: str, primary_key: str | None) -> tuple[Index, Callable[[], None]]:
        """Writes a new index in the current transaction.

        Returns it and a function that makes it visible after the commit.
        """
        moment = now()
        number = self.writer.execute(
            "INSERT INTO indexes (uid, primary_key, created_at, updated_at, settings) "
            "VALUES (?, ?, ?, ?, '{}') RETURNING id",
            (uid, primary_key, moment, moment),
        ).fetchone()[0]
        index = Index(self.reader, number, uid, primary_key)
        index.created_at = index.updated_at = moment

        def show() -> None:
            self.indexes[uid] = index

        return index, show

    def update_row(self, index: Index, **columns: Any) -> Callable[[], None]:
        """Writes columns of an index's row in the current transaction.

        Returns a function that applies them in memory after the commit.
        """
        moment = now()
        columns["updated_at"] = moment
        stored = {
            name: json.dumps(value) if name == "settings" else value
            for name, value in columns.items()
        }
        names = ", ".join(f"{name} = ?" for name in stored)
        query = f"UPDATE indexes SET {names} WHERE id = ?"  # noqa: S608
        self.writer.execute(query, (*stored.values(), index.number))

        def apply() -> None:
            index.updated_at = moment
            index.uid = columns.get("uid", index.uid)
            index.primary_key = columns.get("primary_key", index.primary_key)
            index.own_settings = columns.get("settings", index.own_settings)

        return apply

    def close(self) -> None:
        with self.lock:
            self.tasks.close()
            self.reader.close()
            self.writer.close()


AfterCommit = list[Callable[[], None]]
Executor = Callable[[Engine, Task, dict[str, Any], AfterCommit], None]
"""Executes a task in a transaction: fills in details, adds steps to run after the commit."""


class Worker(threading.Thread):
    """Executes tasks one after the other; an interrupted task is executed again."""

    def __init__(self, engine: Engine, executors: Mapping[str, Executor]) -> None:
        super().__init__(name="tasks", daemon=True)
        self._engine = engine
        self._executors = executors
        self._stopping = threading.Event()

    def run(self) -> None:
        self._recover()
        tasks = self._engine.tasks
        while not self._stopping.is_set():
            tasks.wake.clear()
            try:
                task = tasks.start_next()
            except sqlite3.OperationalError:
                time.sleep(IDLE_SECONDS)
                continue
            if task is None:
                tasks.wake.wait(IDLE_SECONDS)
            else:
                self._execute(task)

    def stop(self) -> None:
        self._stopping.set()
        self._engine.tasks.wake.set()
        self.join()

    def _recover(self) -> None:
        query = "SELECT task, details FROM outcome"
        done = dict(self._engine.writer.execute(query).fetchall())
        for uid in self._engine.tasks.interrupted():
            if uid in done:
                self._engine.tasks.finish(uid, json.loads(done[uid]), None)
            else:
                self._engine.tasks.requeue(uid)

    def _execute(self, task: Task) -> None:
        details = dict(task.details)
        try:
            self._execute_in_transaction(task, details)
        except Failure as failure:
            self._engine.tasks.finish(task.uid, details, failure.body())
        except Exception as error:  # noqa: BLE001  # one bad task must not end the queue
            body = Failure("internal", f"{type(error).__name__}: {error}").body()
            self._engine.tasks.finish(task.uid, details, body)
        else:
            self._engine.tasks.finish(task.uid, details, None)

    def _execute_in_transaction(self, task: Task, details: dict[str, Any]) -> None:
        """Changes the file, then memory; no search sees one change without the other."""
        engine = self._engine
        steps: AfterCommit = []
        run = engine.writer.execute
        run("BEGIN IMMEDIATE")
        try:
            self._executors[task.type](engine, task, details, steps)
            run("DELETE FROM outcome")
            run("INSERT INTO outcome VALUES (?, ?)", (task.uid, json.dumps(details)))
        except BaseException:
            run("ROLLBACK")
            raise
        with engine.lock:
            run("COMMIT")
            try:
                for step in steps:
                    step()
            except BaseException:
                engine.load()
                raise
