"""HTTP client of the public API, for downloads. Repeats requests that may succeed later."""

import json
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

import httpx
from portal_shared.contracts.file_urls import data_path
from portal_shared.contracts.identifiers import bare_doi, is_doi

TRIES = 6
NOT_FOUND, TOO_MANY = 404, 429
MAX_PAUSE_SECONDS = 30.0
PAGE_FILES = "1000"


class OutOfReach(Exception):
    """The portal does not respond, or the server at this address is not a portal."""


class SelectionError(Exception):
    """The selection of datasets or files is not possible. The message has the reason."""


class QuotaExceeded(Exception):
    """The client has too many pending downloads. The message has the numbers."""


class RequestRefused(Exception):
    """The portal will not deliver these files. The message has the reason."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of a dataset, as the portal lists it."""

    location: str
    size: int
    sha256: str
    etag: str
    state: str


@dataclass(frozen=True)
class StagingProgress:
    """Progress of a staging request."""

    state: str
    done: bool
    files: int
    files_online: int
    files_failed: int
    bytes: int
    bytes_online: int
    reason: str | None
    place: int | None = None  # in the queue
    seconds_left: float | None = None  # None if the portal has no estimate


class PortalClient:
    def __init__(self, url: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.url = url.rstrip("/")
        self.client = httpx.Client(
            base_url=self.url,
            timeout=httpx.Timeout(60, connect=10),
            headers={"Accept-Encoding": "identity", "User-Agent": "portal-get"},
            limits=httpx.Limits(max_connections=64),
        )
        self._sleep = sleep

    def close(self) -> None:
        self.client.close()

    def find_pid(self, identifier: str) -> str:
        """Returns the pid of the dataset with this DOI; anything else is taken as a pid.

        Raises SelectionError if the DOI is not that of exactly one dataset.
        """
        doi = bare_doi(identifier)
        if not is_doi(doi):
            return identifier
        response = self._request("GET", f"/doi/{doi}", headers={"Accept": "application/json"})
        if not response.is_success:
            return identifier
        records: list[dict[str, Any]] = self._json(response).get("records", [])
        datasets = [r for r in records if r.get("level") == "dataset"]
        if len(datasets) == 1:
            return str(datasets[0]["pid"])
        lines = [f"  {r.get('level')} {r.get('pid')}: {r.get('title')}" for r in records]
        raise SelectionError(
            f"The DOI {doi} does not belong to exactly one dataset. Select a dataset by its pid:\n"
            + "\n".join(lines)
        )

    def list_files(self, pid: str) -> Iterator[RemoteFile]:
        """Yields all files of a dataset in the order of the portal. Raises SelectionError."""
        after, more = "", True
        while more:
            page, more = self.list_page(pid, after)
            yield from page
            after = page[-1].location if page else ""

    def list_page(
        self, pid: str, after: str, *, request: str | None = None
    ) -> tuple[list[RemoteFile], bool]:
        """Returns files of a dataset (or of a request) after a location, and if more follow.

        Raises SelectionError if there is no such dataset.
        """
        query = {"limit": PAGE_FILES}
        query |= {"after": after} if after else {}
        query |= {"request": request} if request is not None else {}
        response = self._request("GET", data_path(pid), params=query)
        if response.status_code == NOT_FOUND:
            raise SelectionError(f"The portal at {self.url} has no public dataset {pid!r}.")
        body = self._json(_require_success(response))
        with self._expect_portal():
            page = [_remote_file(file) for file in body["files"]]
            return page, bool(body.get("next") and page)

    def request_staging(self, pid: str, locations: list[str] | None) -> str:
        """Requests these files (None: all) from tape; returns the id of the request.

        Raises QuotaExceeded, RequestRefused.
        """
        body = {"pid": pid} | ({"files": locations} if locations is not None else {})
        key = {"Idempotency-Key": uuid.uuid4().hex}
        response = self._request("POST", "/api/downloads", wait=False, json=body, headers=key)
        if response.status_code == TOO_MANY:
            raise QuotaExceeded(_error_message(response))
        if response.is_client_error:
            raise RequestRefused(_error_message(response))
        _require_success(response)
        with self._expect_portal():
            return str(self._json(response)["id"])

    def progress(self, request_id: str) -> StagingProgress:
        path = f"/api/downloads/{quote(request_id, safe='')}"
        body = self._json(_require_success(self._request("GET", path)))
        with self._expect_portal():
            return StagingProgress(
                state=str(body["state"]),
                done=bool(body["done"]),
                files=int(body["files"]),
                files_online=int(body["files_online"]),
                files_failed=int(body["files_failed"]),
                bytes=int(body["bytes"]),
                bytes_online=int(body["bytes_online"]),
                reason=body.get("reason"),
                place=None if body.get("place") is None else int(body["place"]),
                seconds_left=(
                    None if body.get("seconds_left") is None else float(body["seconds_left"])
                ),
            )

    def search(self, words: str, limit: int) -> list[str]:
        """Returns the pids of the best matching datasets, up to `limit`."""
        condition = json.dumps({"limit": limit, "fields": ["pid"]})
        query = {"query": words, "filter": condition}
        response = _require_success(self._request("GET", "/api/Datasets", params=query))
        with self._expect_portal():
            return [str(row["pid"]) for row in response.json()]

    def citation(self, pid: str) -> tuple[str | None, str | None]:
        """Returns the DOI and the citation text of a record; None for what it does not have."""
        path = f"/api/records/{quote(pid, safe='')}/citation"
        try:
            csl = self._request("GET", path, params={"format": "csl-json"})
            text = self._request("GET", path, params={"format": "text"})
            doi = csl.json().get("DOI") if csl.is_success else None
        except (OutOfReach, ValueError, AttributeError):
            return None, None
        return (str(doi) if doi else None), (text.text.strip() if text.is_success else None)

    def _request(
        self, method: str, path: str, *, wait: bool = True, **content: Any
    ) -> httpx.Response:
        """Returns the response, after repeating the request while the portal is busy.

        Without `wait`, a response 429 is returned, too. Raises OutOfReach after TRIES tries.
        """
        reason = ""
        for attempt in range(TRIES):
            if attempt:
                self._sleep(min(0.5 * 2**attempt, MAX_PAUSE_SECONDS))
            try:
                response = self.client.request(method, path, **content)
            except httpx.TransportError as error:
                reason = str(error) or repr(error)
                if isinstance(error, httpx.ConnectError) and attempt:
                    break
                continue
            must_wait = wait and response.status_code == TOO_MANY
            if not must_wait and not response.is_server_error:
                return response
            reason = f"{response.status_code}: {_error_message(response)}"
        raise OutOfReach(f"The portal at {self.url} does not respond: {reason}")

    def _json(self, response: httpx.Response) -> dict[str, Any]:
        with self._expect_portal():
            body = response.json()
            if isinstance(body, dict):
                return cast("dict[str, Any]", body)
        raise self._not_a_portal()

    @contextmanager
    def _expect_portal(self) -> Generator[None]:
        """Raises OutOfReach if the content of a response is not that of a portal."""
        try:
            yield
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise self._not_a_portal() from error

    def _not_a_portal(self) -> OutOfReach:
        return OutOfReach(f"The server at {self.url} is not a portal; check the address.")


def _remote_file(file: dict[str, Any]) -> RemoteFile:
    return RemoteFile(
        location=str(file["name"]),
        size=max(0, int(file["size"] or 0)),
        sha256=str(file["sha256"] or ""),
        etag=str(file.get("etag") or ""),
        state=str(file["state"]),
    )


def _require_success(response: httpx.Response) -> httpx.Response:
    if response.is_error:
        message = _error_message(response)
        raise OutOfReach(f"{response.url.path}: {response.status_code}: {message}")
    return response


def _error_message(response: httpx.Response) -> str:
    """Returns the message of an error response in any of the portal's formats."""
    try:
        body = response.json()
        for found in (body.get("detail"), body.get("error", {}).get("message")):
            if isinstance(found, str):
                return found
    except (ValueError, AttributeError):
        return response.text[:200]
    return response.text[:200]
