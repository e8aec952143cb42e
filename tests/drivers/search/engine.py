"""Search engines to talk to: one whose URL is given, or the stand-in in a process of its own."""

import contextlib
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from meilisearch import Client
from meilisearch.index import Index
from meilisearch.models.task import Task, TaskInfo

from tests.drivers import plain_http
from tests.drivers.process import ServerProcess


@dataclass(frozen=True)
class Server:
    """Address and key of an engine."""

    url: str
    key: str | None

    def client(self) -> Client:
        return Client(self.url, self.key)

    def http(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return plain_http.client(self.url, headers=headers, timeout=30)


class StandIn:
    """A stand-in process over a folder; may be killed and started again."""

    def __init__(self, folder: Path, key: str | None = None) -> None:
        options = ("--master-key", key) if key else ()
        self.key = key
        self.process = ServerProcess(
            "search",
            *("-m", "portal_local.search", "--data", str(folder), *options),
            folder=folder.parent,
            health="/health",
        )
        self.url = self.process.url

    def start(self) -> Server:
        self.process.start()
        return Server(self.url, self.key)

    def kill(self) -> None:
        self.process.kill()

    def stop(self) -> None:
        self.process.stop()


@contextlib.contextmanager
def serve(folder: Path, key: str | None = None) -> Iterator[Server]:
    """Yields the engine of PORTAL_TEST_MEILISEARCH_URL and …_KEY, else a stand-in over `folder`."""
    given_url = os.environ.get("PORTAL_TEST_MEILISEARCH_URL")
    if given_url:
        yield Server(given_url.rstrip("/"), os.environ.get("PORTAL_TEST_MEILISEARCH_KEY"))
        return
    stand_in = StandIn(folder, key)
    try:
        yield stand_in.start()
    finally:
        stand_in.stop()


def wait_for_task(client: Client, info: TaskInfo) -> Task:
    """Waits for a task and returns it, whether it succeeded or failed."""
    return client.wait_for_task(info.task_uid, timeout_in_ms=120_000, interval_in_ms=10)


class IndexFactory:
    """Creates indexes with settings and documents, and deletes them all at the end."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._uids: list[str] = []

    def __call__(
        self,
        documents: Iterable[Mapping[str, Any]] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> Index:
        uid = f"test-{uuid.uuid4().hex}"
        self._uids.append(uid)
        self._succeed(self._client.create_index(uid, {"primaryKey": "id"}))
        index = self._client.index(uid)
        if settings:
            self._succeed(index.update_settings(dict(settings)))
        rows = [dict(document) for document in documents]
        if rows:
            self._succeed(index.add_documents(rows))
        return index

    def delete_all(self) -> None:
        for uid in self._uids:
            self._client.delete_index(uid)

    def _succeed(self, info: TaskInfo) -> None:
        assert wait_for_task(self._client, info).status == "succeeded"
