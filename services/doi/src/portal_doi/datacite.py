"""DataCite, as far as we need it: put a DOI, find a DOI. Its client blocks: calls run in threads.

The `datacite` package takes no 201 for an answer to PUT, hides the status and headers of a refusal,
and connects anew for each call; so its requests are made here.
"""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from datacite import DataCiteRESTClient, schema45
from datacite.request import DataCiteRequest
from portal_shared.runtime.errors import Invalid, Unavailable
from requests.auth import HTTPBasicAuth
from typing_extensions import override

from portal_doi.domain.registration import Answer, Attributes, Registration, answer
from portal_doi.settings import DoiSettings

CONNECT_SECONDS = 5
UNSAID_PAUSE = 30.0
LONGEST = 1000  # characters of a reason
_DONE, _CREDENTIALS, _NOT_FOUND, _TOO_MANY = (200, 201), (401, 403), 404, 429
_WRONG = (400, 413, 422)  # what was sent will never do; other statuses are no fault of the record


class Refused(Unavailable):
    """Our credentials are not taken, or not for this prefix: no call will succeed until then."""


class TooFast(Unavailable):
    """DataCite asks for a pause; nothing was done."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


class NotSent(Unavailable):
    """DataCite was not reached, so nothing was done."""


class Unsure(Unavailable):
    """It was sent; whether it was done is for DataCite to tell."""


class Missing(Unavailable):
    """404: nothing there. To a PUT it says that something else than DataCite answers."""


@dataclass(frozen=True)
class Page:
    """DOIs that DataCite lists, and where the next page begins; None on the last."""

    found: Mapping[str, Answer]
    cursor: str | None


class DataCite:
    def __init__(self, settings: DoiSettings) -> None:
        # Twice as many threads as calls: while one waits for its answer, the next is written.
        most = settings.parallelism
        self._client = _Client(
            threading.BoundedSemaphore(most),
            settings.datacite_user,
            settings.datacite_password.get_secret_value(),
            settings.datacite_prefix,
            url=settings.datacite_url,
            timeout=(CONNECT_SECONDS, settings.datacite_timeout),
        )
        self._threads = ThreadPoolExecutor(2 * most, thread_name_prefix="datacite")
        self.refused: str | None = None  # why, when our credentials were not taken

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def put(self, meant: Registration) -> Answer:
        """Make or change the DOI: twice is the same as once. Raises Invalid, with DataCite's words.

        Raises Unsure when it may have been done, another kind of Unavailable when it was not.
        """
        attributes = meant.attributes
        try:
            return answer(await self._asked(lambda: self._client.update_doi(meant.doi, attributes)))
        except (NotSent, TooFast, Refused, Missing):
            raise
        except Unavailable as error:
            raise Unsure(error.reason) from error

    def problems(self, meant: Registration) -> dict[str, str]:
        """Why schema 4.5 refuses it, by property: DataCite itself would not, once it is public."""
        return refused_by_schema(meant.attributes)

    async def page(self, cursor: str | None, size: int) -> Page:
        """What it holds under our prefix, oldest first."""
        return await self._asked(lambda: self._client.page(cursor or "1", size))

    async def find(self, doi: str) -> Answer | None:
        """What DataCite holds under it; None when nothing."""
        try:
            return answer(await self._asked(lambda: self._client.get_metadata(doi)))
        except Missing:
            return None

    async def check_health(self) -> None:
        if self.refused:
            raise Refused(self.refused)

    async def _asked(self, call: Callable[[], Any]) -> Any:
        try:
            told = await self._threaded(call)
        except Refused as error:
            self.refused = error.reason
            raise
        except Invalid:
            self.refused = None
            raise
        self.refused = None
        return told

    async def _threaded(self, call: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


_VALIDATOR: Any = schema45.validator
_PROPERTIES: Mapping[str, Any] = _VALIDATOR.schema["properties"]
_REQUIRED: tuple[str, ...] = tuple(_VALIDATOR.schema["required"])


def refused_by_schema(attributes: Attributes) -> dict[str, str]:
    """What is wrong, by property; looked at one by one, since many DOIs have the same creators."""
    told = {name: "is missing" for name in _REQUIRED if name not in attributes}
    for name, value in attributes.items():
        reasons = _refused(name, json.dumps(value)) if name in _PROPERTIES else ("is not known",)
        if reasons:
            told[name] = "; ".join(reasons)[:LONGEST]
    return told


@lru_cache(maxsize=4096)
def _refused(name: str, value: str) -> tuple[str, ...]:
    errors = _VALIDATOR.iter_errors({name: json.loads(value)})
    return tuple(_reason(error) for error in errors if error.absolute_path)


def _reason(error: Any) -> str:
    place = ".".join(str(step) for step in list(error.absolute_path)[1:])
    return f"{place}: {error.message}" if place else str(error.message)


class _Client(DataCiteRESTClient):
    def __init__(self, slots: threading.BoundedSemaphore, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._slots = slots

    @override
    def _create_request(self) -> "_Request":
        return _Request(
            self._slots,
            base_url=self.api_url,
            username=self.username,
            password=self.password,
            timeout=self.timeout,
            # Else publisher and affiliations come back as bare names, and cannot be compared.
            default_params={"publisher": "true", "affiliation": "true"},
        )

    @override
    def put_doi(self, doi: str, data: Any) -> Any:
        response = self._create_request().put(
            f"dois/{doi}",
            body=json.dumps({"data": {"type": "dois", **data}}),
            headers={"content-type": "application/vnd.api+json"},
        )
        return _attributes(response)

    @override
    def get_metadata(self, doi: str) -> Any:
        return _attributes(self._create_request().get(f"dois/{doi}"))

    def page(self, cursor: str, size: int) -> Page:
        asked = {"prefix": self.prefix, "page[size]": size, "page[cursor]": cursor}
        response = self._create_request().get("dois", params=asked)
        try:
            told = response.json()
            found = {str(one["id"]).lower(): answer(one["attributes"]) for one in told["data"]}
            following = (told.get("links") or {}).get("next")
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise Unavailable("DataCite answered a list that is none") from error
        query = parse_qs(urlsplit(str(following)).query) if following else {}
        return Page(found, query.get("page[cursor]", [None])[0])


def _attributes(response: Any) -> Any:
    try:
        return response.json()["data"]["attributes"]
    except (ValueError, LookupError, TypeError) as error:
        raise Unavailable(f"DataCite answered {response.status_code} without a record") from error


_KEPT = threading.local()  # a connection for each thread: one handshake, not one for each call


def _session(url: str) -> requests.Session:
    """What the environment says of proxies and certificates is read once, not for each call."""
    found: requests.Session | None = getattr(_KEPT, "session", None)
    if found is None:
        found = requests.Session()
        told = found.merge_environment_settings(url, {}, None, None, None)
        found.proxies, found.verify, found.cert = told["proxies"], told["verify"], told["cert"]
        found.trust_env = False
        _KEPT.session = found
    return found


class _Request(DataCiteRequest):
    def __init__(self, slots: threading.BoundedSemaphore, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._slots = slots  # as many as calls may be under way

    @override
    def request(
        self, url: str, method: str = "GET", body: Any = None, params: Any = None,
        headers: Any = None,
    ) -> Any:  # fmt: skip
        """As the package does it, but over a connection that stays."""
        session = _session(str(self.base_url))
        try:
            request = requests.Request(
                method,
                f"{self.base_url}{url}",
                data=body,
                params={**(params or {}), **self.default_params},
                headers=headers,
                auth=HTTPBasicAuth(
                    str(self.username).encode(), self.password
                ),  # bytes: as the package
            )
            prepared = session.prepare_request(request)
            with self._slots:
                response = session.send(prepared, timeout=self.timeout)
        except requests.RequestException as error:
            raise _lost(error) from error
        status: int = response.status_code
        if status not in _DONE:
            raise _translated(status, _words(response), response.headers.get("Retry-After"))
        return response


def _lost(error: requests.RequestException) -> Unavailable:
    """Whether it was sent is told by its cause."""
    name, text = type(error).__name__, str(error)
    unheard = (
        name == "ConnectTimeout" or "Failed to establish" in text or "Failed to resolve" in text
    )
    return (NotSent if unheard else Unavailable)(f"DataCite: {name}: {error}"[:LONGEST])


def _words(response: Any) -> str:
    """What DataCite says is wrong, attribute by attribute."""
    try:
        errors: list[dict[str, Any]] = response.json()["errors"]
        told = [
            f"{e['source']}: {e['title']}" if e.get("source") else str(e["title"]) for e in errors
        ]
    except (ValueError, LookupError, TypeError, AttributeError):
        return str(response.text)[:200]
    return "; ".join(told)


def _translated(status: int, words: str, retry_after: str | None) -> Exception:
    reason = f"DataCite answered {status}: {words}"[:LONGEST]
    if status in _CREDENTIALS:
        return Refused(reason)
    if status == _NOT_FOUND:
        return Missing(reason)
    if status == _TOO_MANY:
        return TooFast(reason, _seconds(retry_after))
    return Invalid(reason) if status in _WRONG else Unavailable(reason)


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.isdecimal() else UNSAID_PAUSE
