"""Where files are now: of whole datasets as the catalogue has it, else as the downloader says."""

import asyncio
from collections.abc import Generator, Sequence
from typing import cast
from urllib.parse import quote

import httpx
from portal_shared.contracts.file_urls import data_path
from portal_shared.contracts.records import Availability
from portal_shared.runtime.logs import logger
from pydantic import BaseModel, ValidationError

log = logger(__name__)

TIMEOUT_SECONDS = 3.0
MAX_QUERY_CHARACTERS = 6000  # of one request
_OF_ALL_FILES = ("ONLINE", "ARCHIVED")  # states of a dataset that each of its files has


class _Entry(BaseModel):
    name: str
    state: Availability


class _Listing(BaseModel):
    files: list[_Entry]


class FileStates:
    """A client of the downloader's lists of files."""

    def __init__(self, downloader_url: str) -> None:
        self._base = downloader_url.rstrip("/")
        self._client = httpx.AsyncClient(timeout=TIMEOUT_SECONDS)

    async def close(self) -> None:
        await self._client.aclose()

    async def load(
        self, pid: str, locations: Sequence[str], of_dataset: str | None
    ) -> dict[str, Availability]:
        """Returns the availability by location; a file that the downloader cannot judge lacks.

        `of_dataset` is the detailed availability of the dataset, None if it is not known.
        """
        if of_dataset is None:
            return {}
        if of_dataset in _OF_ALL_FILES:
            return dict.fromkeys(locations, cast("Availability", of_dataset))
        answers = await asyncio.gather(*(self._load(pid, query) for query in _queries(locations)))
        return {entry.name: entry.state for listing in answers for entry in listing}

    async def _load(self, pid: str, query: str) -> list[_Entry]:
        url = f"{self._base}{data_path(pid)}?{query}"
        try:
            answer = await self._client.get(url, headers={"accept": "application/json"})
            return _Listing.model_validate_json(answer.raise_for_status().content).files
        except (httpx.HTTPError, ValidationError) as error:
            log.warning("availability of files not known", pid=pid, reason=repr(error)[:300])
            return []


def _queries(locations: Sequence[str]) -> Generator[str]:
    """Yields query strings that together name all locations."""
    parts: list[str] = []
    for location in locations:
        part = f"file={quote(location, safe='')}"
        if parts and sum(map(len, parts)) + len(part) > MAX_QUERY_CHARACTERS:
            yield "&".join(parts)
            parts = []
        parts.append(part)
    if parts:
        yield "&".join(parts)
