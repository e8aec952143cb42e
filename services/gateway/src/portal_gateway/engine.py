"""Meilisearch, as far as the gateway reads it.

aiohttp, because this is the one hot call and it costs a quarter of what httpx does.
"""

from typing import Any, cast

import aiohttp
import orjson
from portal_shared.errors import Unavailable
from portal_shared.observe import logger

from portal_gateway.refusals import Refused
from portal_gateway.settings import GatewaySettings

log = logger(__name__)

Hit = dict[str, Any]
CONNECTIONS = 100
CONNECT_SECONDS = 3
KEPT_SECONDS = 3  # less than the engine keeps a connection that is not used
READ_AT_ONCE = 1 << 18  # bytes: an answer in few pieces
JSON = {"Content-Type": "application/json"}


class Engine:
    def __init__(self, settings: GatewaySettings) -> None:
        self._url = settings.meilisearch_url.rstrip("/")
        self._prefix = settings.index_prefix
        self._key = settings.meilisearch_key.get_secret_value()
        self._seconds = settings.search_seconds
        self._session: aiohttp.ClientSession | None = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            headers = {"Accept-Encoding": "identity"}  # near: packing saves nothing
            if self._key:
                headers["Authorization"] = f"Bearer {self._key}"
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEPT_SECONDS),
                timeout=aiohttp.ClientTimeout(total=self._seconds, connect=CONNECT_SECONDS),
                headers=headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=READ_AT_ONCE,
            )
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

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
            try:
                content, status = await self._sent(method, path, data)
            except aiohttp.ServerDisconnectedError:  # it gave up a connection that we kept
                content, status = await self._sent(method, path, data)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"The search engine is out of reach: {error!r}") from error
        try:
            told: dict[str, Any] = orjson.loads(content)
        except ValueError as error:
            raise Unavailable("The search engine answers something else than JSON") from error
        if status < 300:  # noqa: PLR2004
            return told
        if status == 400:  # noqa: PLR2004  # what we asked: larger or deeper than it takes
            log.error("the engine refuses a search", reason=told.get("message"))
            raise Refused("The search engine cannot evaluate this filter")
        if told.get("code") == "document_not_found":
            raise Missing("No such document")
        # no index yet, overload, fault
        raise Unavailable(f"The search engine answers {status}: {told.get('code', '')}")

    async def _sent(self, method: str, path: str, data: bytes | None) -> tuple[bytes, int]:
        async with self._opened().request(
            method,
            self._url + path,
            data=data,
            headers=JSON if data else None,
            allow_redirects=False,
        ) as response:
            return await response.read(), response.status


class Missing(Unavailable):
    """The index is there, the document is not."""
