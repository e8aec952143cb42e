"""Adapter of Meilisearch for the indexer. The official client blocks, so calls run in a thread.

A write returns only when its Meilisearch task has succeeded.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar, cast

import certifi
import meilisearch
from meilisearch.errors import (
    MeilisearchApiError,
    MeilisearchCommunicationError,
    MeilisearchError,
    MeilisearchTimeoutError,
)
from portal_shared.runtime.errors import Invalid, Unavailable

from portal_indexer.metrics import ENGINE_CALLS
from portal_indexer.settings import IndexerSettings

T = TypeVar("T")
REQUEST_SECONDS = 60
POLL_MS = 20
MAX_POLL_SECONDS = 0.2
MAX_BODY_BYTES = 20 * 10**6  # of documents that are sent together; Meilisearch accepts 100 MB
FIELD_SETTINGS = ("filterableAttributes", "searchableAttributes")


class Meilisearch:
    def __init__(self, settings: IndexerSettings) -> None:
        if settings.meilisearch_ca_file is not None:
            self._authorities = _trust(settings.meilisearch_ca_file)
        self._client = meilisearch.Client(
            settings.meilisearch_url,
            settings.meilisearch_key.get_secret_value() or None,
            timeout=REQUEST_SECONDS,
        )
        self._prefix = settings.index_prefix
        self._task_seconds = settings.task_seconds

    async def check_ready(self) -> None:
        """Raises Unavailable if Meilisearch does not answer."""
        await self._call("check_ready", self._client.health)

    async def ensure(self, index: str, settings: dict[str, Any]) -> bool:
        """Creates or updates an index. Returns whether all records have to be sent again: the
        index is new, or its filterable or searchable fields changed.
        """
        return await self._call("ensure", lambda: self._ensure(self._prefix + index, settings))

    def _ensure(self, uid: str, settings: dict[str, Any]) -> bool:
        created = False
        try:
            self._client.get_raw_index(uid)
        except MeilisearchApiError as error:
            if _code(error) != "index_not_found":
                raise
            self._wait(self._client.create_index(uid, {"primaryKey": "id"}))
            created = True
        current: dict[str, Any] = self._client.index(uid).get_settings()
        changed = {k: v for k, v in settings.items() if _canonical(current.get(k)) != _canonical(v)}
        if changed:
            self._wait(self._client.index(uid).update_settings(changed))
        return created or not changed.keys().isdisjoint(FIELD_SETTINGS)

    async def replace(self, index: str, documents: Sequence[bytes]) -> None:
        """Adds or replaces documents, which are lines of JSON.

        Raises Invalid if Meilisearch refuses one of them.
        """
        uid = self._prefix + index
        for body in _bodies(documents):
            await self._finish(
                "replace",
                lambda body=body: self._client.index(uid).add_documents_ndjson(body, "id"),
            )

    async def delete(self, index: str, ids: Sequence[str]) -> None:
        """Deletes documents if they exist; `ids` are made by records.pid_key()."""
        if ids:
            uid = self._prefix + index
            which = f"id IN [{', '.join(ids)}]"
            await self._finish(
                "delete", lambda: self._client.index(uid).delete_documents(filter=which)
            )

    async def count(self, index: str) -> int:
        uid = self._prefix + index
        return await self._call(
            "count", lambda: self._client.index(uid).get_stats().number_of_documents
        )

    async def drop(self, index: str) -> None:
        """Deletes an index if it exists."""
        uid = self._prefix + index

        def delete_if_exists() -> None:
            try:
                self._wait(self._client.delete_index(uid))
            except MeilisearchApiError as error:
                if _code(error) != "index_not_found":
                    raise
            except Invalid as error:
                if "not found" not in error.reason:
                    raise

        await self._call("drop", delete_if_exists)

    async def swap(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Swaps the indexes of each pair in one Meilisearch task."""
        swaps: list[Mapping[str, list[str] | bool]] = [
            {"indexes": [self._prefix + a, self._prefix + b]} for a, b in pairs
        ]
        await self._call("swap", lambda: self._wait(self._client.swap_indexes(swaps)))

    def _wait(self, task: Any) -> None:
        _check(self._client.wait_for_task(task.task_uid, round(self._task_seconds * 1000), POLL_MS))

    async def _finish(self, operation: str, send: Callable[[], Any]) -> None:
        """Sends a write and waits until its task has succeeded. Raises Invalid if it failed.

        Several writes may wait at the same time: no thread waits with them.
        """
        with ENGINE_CALLS.measure(operation):
            task = await _translated(send)
            end = time.monotonic() + self._task_seconds
            pause = POLL_MS / 1000
            while True:
                await asyncio.sleep(pause)
                found = await _translated(lambda: self._client.get_task(task.task_uid))
                if found.status not in ("enqueued", "processing"):
                    return _check(found)
                if time.monotonic() > end:
                    raise Unavailable(f"Meilisearch: task {task.task_uid} is not done in time")
                pause = min(pause * 1.5, MAX_POLL_SECONDS)

    @staticmethod
    async def _call(operation: str, call: Callable[[], T]) -> T:
        with ENGINE_CALLS.measure(operation):
            return await _translated(call)


def _trust(ca_file: Path) -> IO[bytes]:
    """Makes this process trust an authority in addition to the others; returns the file of all.

    It exists while it is open. The official client has no option for it, nor takes a session:
    `requests` reads the file that this variable names.
    """
    file = tempfile.NamedTemporaryFile(prefix="authorities-", suffix=".pem")  # noqa: SIM115
    file.write(Path(certifi.where()).read_bytes() + b"\n" + ca_file.read_bytes())
    file.flush()
    os.environ["REQUESTS_CA_BUNDLE"] = file.name
    return file


def _check(task: Any) -> None:
    if task.status != "succeeded":
        error: dict[str, Any] = task.error or {}
        raise Invalid(f"Meilisearch: {error.get('message', task.status)}")


async def _translated(call: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(call)
    except (MeilisearchCommunicationError, MeilisearchTimeoutError) as error:
        raise Unavailable(f"Meilisearch: {error}") from error
    except MeilisearchApiError as error:
        status = error.status_code
        if status in (400, 413):
            raise Invalid(f"Meilisearch: {_message(error)}") from error
        raise Unavailable(f"Meilisearch: {error}") from error
    except MeilisearchError as error:
        raise Unavailable(f"Meilisearch: {error}") from error


def _bodies(documents: Sequence[bytes]) -> Iterator[bytes]:
    """Yields documents as NDJSON, in parts of about MAX_BODY_BYTES."""
    lines: list[bytes] = []
    size = 0
    for line in documents:
        if lines and size + len(line) > MAX_BODY_BYTES:
            yield b"\n".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line) + 1
    if lines:
        yield b"\n".join(lines)


def _code(error: Any) -> str | None:
    """Returns the code of an error of the API, which the client does not type."""
    return error.code


def _message(error: Any) -> str:
    return error.message


def _canonical(value: Any) -> Any:
    """Sorts the members of objects, so that equal settings compare equal."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {name: _canonical(member) for name, member in sorted(members.items())}
    return value
