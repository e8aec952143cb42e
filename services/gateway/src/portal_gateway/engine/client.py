"""Meilisearch, as far as the gateway reads it."""

from typing import Any, cast

import orjson
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger

from portal_gateway.engine.http import Wire
from portal_gateway.errors import Refused
from portal_gateway.settings import GatewaySettings

log = logger(__name__)

Hit = dict[str, Any]
CONNECTIONS = 100
CONNECT_SECONDS = 3
KEPT_SECONDS = 3  # less than the engine keeps a connection that is not used


class Engine:
    def __init__(self, settings: GatewaySettings) -> None:
        self._prefix = settings.index_prefix
        headers = {"Accept-Encoding": "identity", "Content-Type": "application/json"}
        key = settings.meilisearch_key.get_secret_value()
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._wire = Wire(
            settings.meilisearch_url,
            headers,
            most=CONNECTIONS,
            seconds=settings.search_seconds,
            connect_seconds=CONNECT_SECONDS,
            kept_seconds=KEPT_SECONDS,
        )

    def close(self) -> None:
        self._wire.close()

    async def ready(self) -> None:
        """Raises Unavailable when it does not answer."""
        await self.ask("GET", "/health", None)

    async def search(self, index: str, query: dict[str, Any]) -> dict[str, Any]:
        return await self.ask("POST", f"/indexes/{self._prefix}{index}/search", query)

    async def searches(self, index: str, queries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Several searches of one index in one request."""
        if len(queries) == 1:
            return [await self.search(index, queries[0])]
        uid = self._prefix + index
        answer = await self.ask(
            "POST", "/multi-search", {"queries": [{"indexUid": uid, **q} for q in queries]}
        )
        return cast("list[dict[str, Any]]", answer["results"])

    async def document(self, index: str, key: str) -> Hit | None:
        """What is kept of a record, by model.key of its pid."""
        path = f"/indexes/{self._prefix}{index}/documents/{key}?fields=json,relations"
        try:
            return await self.ask("GET", path, None)
        except Missing:
            return None

    async def ask(self, method: str, path: str, body: Any) -> dict[str, Any]:
        """Raises Unavailable, Refused, or Missing for a document that is not there."""
        data = None if body is None else orjson.dumps(body)
        try:
            answer = await self._wire.ask(method, path, data)
        except (TimeoutError, OSError) as error:
            raise Unavailable(f"The search engine is out of reach: {error!r}") from error
        try:
            told: dict[str, Any] = orjson.loads(answer.content)
        except ValueError as error:
            raise Unavailable("The search engine answers something else than JSON") from error
        if answer.status < 300:  # noqa: PLR2004
            return told
        if answer.status == 400:  # noqa: PLR2004  # what we asked: larger or deeper than it takes
            log.error("the engine refuses a search", reason=told.get("message"))
            raise Refused("The search engine cannot evaluate this filter")
        if told.get("code") == "document_not_found":
            raise Missing("No such document")
        # no index yet, overload, fault
        raise Unavailable(f"The search engine answers {answer.status}: {told.get('code', '')}")


class Missing(Unavailable):
    """The index is there, the document is not."""
