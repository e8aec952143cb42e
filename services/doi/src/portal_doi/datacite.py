"""DataCite, as far as we need it: put a DOI, find a DOI. Its client blocks: calls run in threads.

The `datacite` package takes no 201 for an answer to PUT, and hides the status and headers of a
refusal; so its requests are looked at as they come back.
"""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from datacite import DataCiteRESTClient, schema45
from datacite.errors import HttpError
from datacite.request import DataCiteRequest
from portal_shared.errors import Invalid, Unavailable
from typing_extensions import override

from portal_doi.registration import Answer, Registration, answer
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


class DataCite:
    def __init__(self, settings: DoiSettings) -> None:
        self._client = _Client(
            settings.datacite_user,
            settings.datacite_password.get_secret_value(),
            settings.datacite_prefix,
            url=settings.datacite_url,
            timeout=(CONNECT_SECONDS, settings.datacite_timeout),
        )
        self._threads = ThreadPoolExecutor(settings.parallelism, thread_name_prefix="datacite")
        self.refused: str | None = None  # why, when our credentials were not taken

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def put(self, meant: Registration) -> Answer:
        """Make or change the DOI: twice is the same as once. Raises Invalid, with DataCite's words.

        Raises Unsure when it may have been done, another kind of Unavailable when it was not.
        """
        attributes = meant.attributes
        problems = await self._threaded(lambda: refused_by_schema(attributes))
        if problems:
            raise Invalid("; ".join(problems)[:LONGEST])
        try:
            return answer(await self._asked(lambda: self._client.update_doi(meant.doi, attributes)))
        except (NotSent, TooFast, Refused, Missing):
            raise
        except Unavailable as error:
            raise Unsure(error.reason) from error

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


def refused_by_schema(attributes: dict[str, Any]) -> list[str]:
    """Why schema 4.5 refuses them: DataCite itself would not, once the DOI is public."""
    told: list[str] = []
    for error in schema45.validator.iter_errors(attributes):
        place = ".".join(str(step) for step in error.absolute_path)
        told.append(f"{place}: {error.message}" if place else str(error.message))
    return told


class _Client(DataCiteRESTClient):
    @override
    def _create_request(self) -> "_Request":
        return _Request(
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
        return response.json()["data"]["attributes"]


class _Request(DataCiteRequest):
    @override
    def request(self, *args: Any, **kwargs: Any) -> Any:
        try:
            response = super().request(*args, **kwargs)
        except HttpError as error:
            raise _lost(error) from error
        status: int = response.status_code
        if status not in _DONE:
            raise _translated(status, _words(response), response.headers.get("Retry-After"))
        try:
            response.json()["data"]["attributes"]
        except (ValueError, LookupError, TypeError) as error:
            raise Unavailable(f"DataCite answered {status} without a record") from error
        return response


def _lost(error: HttpError) -> Unavailable:
    """Whether it was sent is told by the cause that the package wraps."""
    cause: Any = error.args[0] if error.args else error
    name = type(cause).__name__
    text = str(cause)
    unheard = (
        name == "ConnectTimeout" or "Failed to establish" in text or "Failed to resolve" in text
    )
    return (NotSent if unheard else Unavailable)(f"DataCite: {name}: {cause}"[:LONGEST])


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
