"""The portal's public interface, as far as a download needs it; patient where that may help."""

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
LONGEST_PAUSE = 30.0


class OutOfReach(Exception):
    """The portal does not answer, or not as a portal."""


class Unknown(Exception):
    """There is no such dataset, or more than one; says what there is."""


class NotNow(Exception):
    """Its reader is waiting for as much as he may; says for how much."""


class NotGiven(Exception):
    """The portal will not deliver it; says why."""


@dataclass(frozen=True)
class RemoteFile:
    location: str
    size: int
    sha256: str
    etag: str
    state: str


@dataclass(frozen=True)
class Progress:
    state: str
    done: bool
    files: int
    files_online: int
    files_failed: int
    bytes: int
    bytes_online: int
    reason: str | None
    place: int | None = None  # in the queue
    seconds_left: float | None = None  # as far as the portal can tell


class Portal:
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

    def dataset(self, named: str) -> str:
        """The pid of what is named by pid or DOI. Raises Unknown."""
        doi = bare_doi(named)
        if not is_doi(doi):
            return named
        answer = self._asked("GET", f"/doi/{doi}", headers={"Accept": "application/json"})
        if not answer.is_success:
            return named
        records: list[dict[str, Any]] = self._json(answer).get("records", [])
        datasets = [r for r in records if r.get("level") == "dataset"]
        if len(datasets) == 1:
            return str(datasets[0]["pid"])
        lines = [f"  {r.get('level')} {r.get('pid')}: {r.get('title')}" for r in records]
        raise Unknown(f"{doi} names no single dataset; choose one by its pid:\n" + "\n".join(lines))

    def files(self, pid: str) -> Iterator[RemoteFile]:
        """All files of a dataset, as the portal lists them. Raises Unknown."""
        after, more = "", True
        while more:
            page, more = self.page(pid, after)
            yield from page
            after = page[-1].location if page else ""

    def page(
        self, pid: str, after: str, *, request: str | None = None
    ) -> tuple[list[RemoteFile], bool]:
        """Files of a dataset, or a request, after that location; whether more follow.

        Raises Unknown.
        """
        query = {"limit": "1000"}
        query |= {"after": after} if after else {}
        query |= {"request": request} if request is not None else {}
        answer = self._asked("GET", data_path(pid), params=query)
        if answer.status_code == NOT_FOUND:
            raise Unknown(f"the portal at {self.url} has no public dataset {pid!r}")
        told = self._json(_fine(answer))
        with self._understood():
            page = [_remote(file) for file in told["files"]]
            return page, bool(told.get("next") and page)

    def ask(self, pid: str, locations: list[str] | None) -> str:
        """The id of a new request for these files, or all. Raises NotNow, NotGiven."""
        body = {"pid": pid} | ({"files": locations} if locations is not None else {})
        key = {"Idempotency-Key": uuid.uuid4().hex}
        answer = self._asked("POST", "/api/downloads", wait=False, json=body, headers=key)
        if answer.status_code == TOO_MANY:
            raise NotNow(_reason(answer))
        if answer.is_client_error:
            raise NotGiven(_reason(answer))
        _fine(answer)
        with self._understood():
            return str(self._json(answer)["id"])

    def progress(self, request: str) -> Progress:
        address = f"/api/downloads/{quote(request, safe='')}"
        told = self._json(_fine(self._asked("GET", address)))
        with self._understood():
            return Progress(
                state=str(told["state"]),
                done=bool(told["done"]),
                files=int(told["files"]),
                files_online=int(told["files_online"]),
                files_failed=int(told["files_failed"]),
                bytes=int(told["bytes"]),
                bytes_online=int(told["bytes_online"]),
                reason=told.get("reason"),
                place=None if told.get("place") is None else int(told["place"]),
                seconds_left=(
                    None if told.get("seconds_left") is None else float(told["seconds_left"])
                ),
            )

    def search(self, words: str, most: int) -> list[str]:
        """Pids of the datasets that fit best, so many at most."""
        condition = json.dumps({"limit": most, "fields": ["pid"]})
        query = {"query": words, "filter": condition}
        answer = _fine(self._asked("GET", "/api/Datasets", params=query))
        with self._understood():
            return [str(row["pid"]) for row in answer.json()]

    def citation(self, pid: str) -> tuple[str | None, str | None]:
        """The DOI of a record, and a line to cite it by; None for what the portal does not tell."""
        place = f"/api/records/{quote(pid, safe='')}/citation"
        try:
            told = self._asked("GET", place, params={"format": "csl-json"})
            line = self._asked("GET", place, params={"format": "text"})
            doi = told.json().get("DOI") if told.is_success else None
        except (OutOfReach, ValueError, AttributeError):
            return None, None
        return (str(doi) if doi else None), (line.text.strip() if line.is_success else None)

    def _asked(self, method: str, path: str, *, wait: bool = True, **more: Any) -> httpx.Response:
        """An answer that is not "later"; raises OutOfReach when there is none.

        Without `wait`, one that it is too much now counts as an answer.
        """
        trouble = ""
        for attempt in range(TRIES):
            if attempt:
                self._sleep(min(0.5 * 2**attempt, LONGEST_PAUSE))
            try:
                answer = self.client.request(method, path, **more)
            except httpx.TransportError as error:
                trouble = str(error) or repr(error)
                if isinstance(error, httpx.ConnectError) and attempt:
                    break
                continue
            too_much = wait and answer.status_code == TOO_MANY
            if not too_much and not answer.is_server_error:
                return answer
            trouble = f"{answer.status_code}: {_reason(answer)}"
        raise OutOfReach(f"the portal at {self.url} does not answer: {trouble}")

    def _json(self, answer: httpx.Response) -> dict[str, Any]:
        with self._understood():
            told = answer.json()
            if isinstance(told, dict):
                return cast("dict[str, Any]", told)
        raise OutOfReach(f"{self.url} answers, but not as a portal")

    @contextmanager
    def _understood(self) -> Generator[None]:
        try:
            yield
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise OutOfReach(f"{self.url} answers, but not as a portal") from error


def _remote(file: dict[str, Any]) -> RemoteFile:
    return RemoteFile(
        location=str(file["name"]),
        size=max(0, int(file["size"] or 0)),
        sha256=str(file["sha256"] or ""),
        etag=str(file.get("etag") or ""),
        state=str(file["state"]),
    )


def _fine(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        raise OutOfReach(f"{answer.url.path}: {answer.status_code}: {_reason(answer)}")
    return answer


def _reason(answer: httpx.Response) -> str:
    """The sentence of an error, in any of the portal's forms."""
    try:
        told = answer.json()
        for found in (told.get("detail"), told.get("error", {}).get("message")):
            if isinstance(found, str):
                return found
    except (ValueError, AttributeError):
        return answer.text[:200]
    return answer.text[:200]
