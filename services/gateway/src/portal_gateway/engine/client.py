"""Client of the search engine Meilisearch: searches, single documents, health."""

import time
from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, cast

import orjson
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.telemetry import tracing
from portal_shared.search.index_fields import SEARCH_CUTOFF_MS

from portal_gateway.engine.http import HttpClient
from portal_gateway.errors import BadRequest
from portal_gateway.metrics import observe_engine
from portal_gateway.settings import GatewaySettings

log = logger(__name__)

Hit = dict[str, Any]
MAX_CONNECTIONS = 100
CONNECT_SECONDS = 3
KEEP_ALIVE_SECONDS = 3  # less than the engine's own limit for idle connections


class Engine:
    def __init__(self, settings: GatewaySettings) -> None:
        self._prefix = settings.index_prefix
        self._seconds = settings.search_seconds
        headers = {"Accept-Encoding": "identity", "Content-Type": "application/json"}
        key = settings.meilisearch_key.get_secret_value()
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._http = HttpClient(
            settings.meilisearch_url,
            headers,
            max_connections=MAX_CONNECTIONS,
            seconds=settings.search_seconds,
            connect_seconds=CONNECT_SECONDS,
            keep_alive_seconds=KEEP_ALIVE_SECONDS,
            ca_file=settings.meilisearch_ca_file,
        )

    def close(self) -> None:
        self._http.close()

    async def check_health(self) -> None:
        """Raises Unavailable if the engine does not answer."""
        await self.request("GET", "/health", None)

    async def search(self, index: str, query: dict[str, Any]) -> dict[str, Any]:
        """Runs one search. Raises Unavailable, also if the engine cut it off; or BadRequest."""
        answer = await self.request("POST", f"/indexes/{self._prefix}{index}/search", query)
        _check_complete(answer)
        return answer

    async def multi_search(self, index: str, queries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Runs several searches of one index in one request."""
        return await self.search_indexes([(index, query) for query in queries])

    async def search_indexes(
        self, queries: Sequence[tuple[str, dict[str, Any]]]
    ) -> list[dict[str, Any]]:
        """Runs several searches, each of an index, in one request."""
        if len(queries) == 1:
            return [await self.search(*queries[0])]
        bodies = [{"indexUid": self._prefix + index, **query} for index, query in queries]
        answer = await self.request("POST", "/multi-search", {"queries": bodies})
        results = cast("list[dict[str, Any]]", answer["results"])
        for one in results:
            _check_complete(one)
        return results

    async def load_document(self, index: str, key: str) -> Hit | None:
        """Returns the stored document of a record, or None. `key` is pid_key() of its pid."""
        path = f"/indexes/{self._prefix}{index}/documents/{key}?fields=json,relations"
        try:
            return await self.request("GET", path, None)
        except DocumentMissing:
            return None

    async def updated_at(self, index: str) -> datetime | None:
        """Returns when the index was last changed; None if it is not known.

        A key that may only search does not know it.
        """
        try:
            answer = await self.request("GET", f"/indexes/{self._prefix}{index}", None)
            return datetime.fromisoformat(answer["updatedAt"])
        except (Unavailable, KeyError, ValueError):
            return None

    async def request(self, method: str, path: str, body: Any) -> dict[str, Any]:
        """Sends a request. Raises Unavailable, BadRequest, or DocumentMissing."""
        data = None if body is None else orjson.dumps(body)
        started = time.perf_counter()
        try:
            with tracing.span("search engine", kind="client"):
                response = await self._http.request(method, path, data)
        except TimeoutError as error:
            raise Unavailable(
                f"The search engine did not answer within {self._seconds:g} s: "
                "narrow the search, or try again later"
            ) from error
        except OSError as error:
            raise Unavailable(f"The search engine cannot be reached: {error!r}") from error
        finally:
            observe_engine(time.perf_counter() - started)
        try:
            content: dict[str, Any] = orjson.loads(response.content)
        except ValueError as error:
            raise Unavailable("The search engine returned a response that is not JSON") from error
        if response.status < HTTPStatus.MULTIPLE_CHOICES:
            return content
        if response.status == HTTPStatus.BAD_REQUEST:  # the filter exceeds a limit of the engine
            log.error("engine refused search", reason=content.get("message"))
            raise BadRequest("The search engine cannot evaluate this filter: simplify it")
        if content.get("code") == "document_not_found":
            raise DocumentMissing("No such document")
        # the index does not exist yet, or the engine is overloaded or has failed
        code = content.get("code", "")
        raise Unavailable(f"The search engine returned status {response.status}: {code}")


def _check_complete(answer: dict[str, Any]) -> None:
    """Raises Unavailable if the engine cut the search off: its hits are then not in order.

    The engine does not say so: a search that was cut off took the time that is allowed.
    """
    if answer.get("processingTimeMs", 0) >= SEARCH_CUTOFF_MS:
        raise Unavailable("The search takes too long: narrow it, or try again later")


class DocumentMissing(Unavailable):
    """The index exists, the document does not."""
