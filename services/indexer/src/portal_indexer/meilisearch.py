"""Meilisearch, as far as the indexer needs it. Its client blocks, so calls run in a thread.

Writes are done when their task has succeeded: accepted is not indexed.
"""
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import meilisearch
from meilisearch.errors import (
    MeilisearchApiError,
    MeilisearchCommunicationError,
    MeilisearchError,
    MeilisearchTimeoutError,
)
from portal_shared.runtime.errors import Invalid, Unavailable

from portal_indexer.settings import IndexerSettings

T = TypeVar("T")
REQUEST_SECONDS = 60
POLL_MS = 20


class Engine:
    def __init__(self, settings: IndexerSettings) -> None:
        self._client = meilisearch.Client(
            settings.meilisearch_url,
            settings.meilisearch_key.get_secret_value() or None,
            timeout=REQUEST_SECONDS,
        )
        self._prefix = settings.index_prefix
        self._wait_ms = round(settings.task_seconds * 1000)

    async def ready(self) -> None:
        """Raises Unavailable when it does not answer."""
        await self._do(self._client.health)

    async def ensure(self, index: str, settings: dict[str, Any]) -> bool:
        """The index with these settings; tells whether it has to be filled: it is new, or its
        records lack fields that filters ask for.
        """
        return await self._do(lambda: self._ensure(self._prefix + index, settings))

    def _ensure(self, uid: str, settings: dict[str, Any]) -> bool:
        made = False
        try:
            self._client.get_raw_index(uid)
        except MeilisearchApiError as error:
            if error.code != "index_not_found":
                raise
            self._done(self._client.create_index(uid, {"primaryKey": "id"}))
            made = True
        there: dict[str, Any] = self._client.index(uid).get_settings()
        changed = {k: v for k, v in settings.items() if _plain(there.get(k)) != _plain(v)}
        if changed:
            self._done(self._client.index(uid).update_settings(changed))
        return made or "filterableAttributes" in changed

    async def put(self, index: str, documents: Sequence[dict[str, Any]]) -> None:
        """Replace these documents. Raises Invalid when the engine will never take them."""
        if documents:
            body = "\n".join(json.dumps(d, ensure_ascii=False) for d in documents)
            uid = self._prefix + index
            await self._do(
                lambda: self._done(
                    self._client.index(uid).add_documents_ndjson(body.encode(), "id")
                )
            )

    async def delete(self, index: str, ids: Sequence[str]) -> None:
        """These documents are gone, if they were there; ids are of model.key."""
        if ids:
            uid = self._prefix + index
            listed = f"id IN [{', '.join(ids)}]"
            await self._do(
                lambda: self._done(self._client.index(uid).delete_documents(filter=listed))
            )

    async def count(self, index: str) -> int:
        uid = self._prefix + index
        return await self._do(lambda: self._client.index(uid).get_stats().number_of_documents)

    async def drop(self, index: str) -> None:
        """Delete an index if it is there."""
        uid = self._prefix + index

        def gone() -> None:
            try:
                self._done(self._client.delete_index(uid))
            except MeilisearchApiError as error:
                if error.code != "index_not_found":
                    raise
            except Invalid as error:
                if "not found" not in error.reason:
                    raise

        await self._do(gone)

    async def swap(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Exchange the indexes of each pair, all at once."""
        named: list[Mapping[str, list[str] | bool]] = [
            {"indexes": [self._prefix + a, self._prefix + b]} for a, b in pairs
        ]
        await self._do(lambda: self._done(self._client.swap_indexes(named)))

    def _done(self, task: Any) -> None:
        finished = self._client.wait_for_task(task.task_uid, self._wait_ms, POLL_MS)
        if finished.status != "succeeded":
            error: dict[str, Any] = finished.error or {}
            raise Invalid(f"Meilisearch: {error.get('message', finished.status)}")

    @staticmethod
    async def _do(call: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(call)
        except (MeilisearchCommunicationError, MeilisearchTimeoutError) as error:
            raise Unavailable(f"Meilisearch: {error}") from error
        except MeilisearchApiError as error:
            status = error.status_code
            if status in (400, 413):
                raise Invalid(f"Meilisearch: {error.message}") from error
            raise Unavailable(f"Meilisearch: {error}") from error
        except MeilisearchError as error:
            raise Unavailable(f"Meilisearch: {error}") from error


def _plain(value: Any) -> Any:
    """Settings compare by what they say, not by the order of what has none."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in sorted(value.items())}
    return value
