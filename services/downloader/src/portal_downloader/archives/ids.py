"""An ids.server beside ICAT, by python-icat: its client blocks, so calls run in a thread.

Files are found in ICAT by their location. The IDS knows no requests: that files are asked for shows
in their status, the worst of those named, so that many are asked about at once and halved until it
is known of each. It has no pins either: what it removes again is asked for again.
"""

import asyncio
import http.client
import uuid
import xml.sax
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeVar
from urllib.error import URLError

import icat
import icat.exception
from icat.ids import DataSelection
from portal_shared.runtime.errors import Unavailable

from portal_downloader.archives.protocol import Body, CutOff, NotThere, TooMuch
from portal_downloader.archives.wlcg_answers import FileTold, Locality
from portal_downloader.domain.paths import normal
from portal_downloader.settings import DownloaderSettings

CHUNK = 2**20
NAMED_AT_ONCE = 100  # locations in one query, ids in one address
T = TypeVar("T")
Status = Literal["ONLINE", "RESTORING", "ARCHIVED", "UNAVAILABLE"]
_LOCALITY: Mapping[str, Locality] = {
    "ONLINE": "DISK_AND_TAPE",
    "RESTORING": "TAPE",
    "ARCHIVED": "TAPE",
    "UNAVAILABLE": "UNAVAILABLE",
}
_TOLD: Mapping[str, FileTold] = {
    "ONLINE": FileTold("staged"),
    "RESTORING": FileTold("started"),
    "ARCHIVED": FileTold("failed", "the IDS does not restore it any more"),
    "UNAVAILABLE": FileTold("failed", "the IDS cannot tell its status"),
}


REFUSALS = (
    icat.exception.IDSDataNotOnlineError,
    icat.exception.IDSNotFoundError,
    icat.exception.IDSBadRequestError,
)


class Stumbled(Unavailable):
    """It failed over something in what it was asked about, maybe over one file of many."""


class IdsArchive:
    pins_run_out = False  # it has none

    def __init__(self, settings: DownloaderSettings) -> None:
        self._icat_url = settings.icat_url
        self._ids_url = settings.ids_url or f"{settings.icat_url.rstrip('/')}/ids"
        self._plugin = settings.icat_authenticator
        password = settings.icat_password.get_secret_value()
        self._credentials = {"username": settings.icat_user, "password": password}
        self._timeout = settings.tape_timeout
        self._client: Any = None
        self._turn = asyncio.Lock()

    async def close(self) -> None:
        """Its session ends by itself."""

    async def stage(self, paths: Sequence[str]) -> str:
        ids = await self._called(lambda client: _ids(client, paths))
        for portion in _portions(list(ids.values())):
            await self._called(lambda client, p=portion: client.ids.restore(_files(p)))
        return uuid.uuid4().hex

    async def progress(self, stage_id: str, paths: Sequence[str]) -> Mapping[str, FileTold] | None:
        del stage_id  # it has none: what counts is where files are
        found = await self._statuses(paths)
        missing = FileTold("failed", "ICAT knows no file at this location")
        return {path: _TOLD[found[path]] if path in found else missing for path in paths}

    async def localities(self, paths: Sequence[str]) -> Mapping[str, Locality]:
        found = await self._statuses(paths)
        missing: Locality = "missing"
        return {path: _LOCALITY[found[path]] if path in found else missing for path in paths}

    async def release(self, stage_id: str, paths: Sequence[str]) -> None:
        """Nothing: it keeps what it likes."""

    async def cancel(self, stage_id: str, paths: Sequence[str]) -> None:
        """Nothing: a restore that was asked for goes on."""

    async def _statuses(self, paths: Sequence[str]) -> dict[str, Status]:
        """Of those that ICAT knows."""
        ids = await self._called(lambda client: _ids(client, paths))
        by_id: dict[int, Status] = {}
        for portion in _portions(list(ids.values())):
            await self._divide(portion, by_id)
        return {path: by_id[number] for path, number in ids.items()}

    async def _divide(self, ids: Sequence[int], found: dict[int, Status]) -> None:
        """The status of each: that of all is the worst."""
        try:
            told = await self._called(lambda client: client.ids.getStatus(_files(ids)))
        except (TooMuch, Stumbled):
            told = "UNAVAILABLE"
        if told == "ONLINE" or len(ids) == 1:
            status: Status = told if told in _TOLD else "UNAVAILABLE"
            found.update(dict.fromkeys(ids, status))
            return
        half = len(ids) // 2
        await self._divide(ids[:half], found)
        await self._divide(ids[half:], found)

    @asynccontextmanager
    async def reading(self, path: str, start: int) -> AsyncGenerator[Body]:
        ids = await self._called(lambda client: _ids(client, [path]))
        if path not in ids:
            raise NotThere("ICAT knows no file at this location")
        selection = _files([ids[path]])
        try:  # a getData of what is archived would have it restored
            status = await self._called(lambda client: client.ids.getStatus(selection))
            if status != "ONLINE":
                raise NotThere(f"the IDS says {status} when it is to be read")
            answer = await self._called(lambda client: client.ids.getData(selection, offset=start))
        except TooMuch as error:
            raise NotThere(error.reason) from error
        try:
            yield Body(start, self._chunks(answer))
        finally:
            await asyncio.to_thread(answer.close)

    async def _chunks(self, answer: Any) -> AsyncIterator[bytes]:
        while True:
            try:
                async with asyncio.timeout(self._timeout):
                    chunk = await asyncio.to_thread(answer.read, CHUNK)
            except (OSError, TimeoutError, http.client.HTTPException) as error:
                raise CutOff(f"reading from the IDS: {error!r}") from error
            if not chunk:
                return
            yield chunk

    async def _called(self, call: Callable[[Any], T]) -> T:
        """With a session. Raises TooMuch for what it will always refuse, else Unavailable."""
        async with self._turn:
            try:
                async with asyncio.timeout(self._timeout):
                    return await asyncio.to_thread(self._call, call)
            except TimeoutError as error:
                self._client = None  # a thread of ours may still use it
                raise Unavailable("the IDS does not answer") from error

    def _call(self, call: Callable[[Any], T]) -> T:
        try:
            if self._client is None:
                self._client = self._logged_in()
            try:
                return call(self._client)
            except (icat.exception.ICATSessionError, icat.exception.IDSInsufficientPrivilegesError):
                self._client.login(self._plugin, self._credentials)  # the session has ended
                return call(self._client)
        except REFUSALS as error:
            raise TooMuch(f"the IDS: {error}") from error
        except icat.exception.IDSInternalError as error:
            raise Stumbled(f"the IDS: {error}") from error
        except (
            icat.exception.ICATError, icat.exception.IDSError, URLError, OSError,
            http.client.HTTPException, xml.sax.SAXException,
        ) as error:  # fmt: skip
            self._client = None
            raise Unavailable(f"the IDS or its ICAT: {error!r}"[:500]) from error

    def _logged_in(self) -> Any:
        client = icat.Client(
            self._icat_url, idsurl=self._ids_url, cache=None, timeout=self._timeout
        )
        client.autoLogout = False
        client.login(self._plugin, self._credentials)
        return client


def _ids(client: Any, paths: Sequence[str]) -> dict[str, int]:
    """Of the files at these locations, written with or without the slash they begin with."""
    found: dict[str, int] = {}
    for start in range(0, len(paths), NAMED_AT_ONCE):
        named = [name for p in paths[start : start + NAMED_AT_ONCE] for name in (p, p[1:])]
        told = ", ".join("'" + name.replace("'", "''") + "'" for name in named)
        query = f"SELECT f FROM Datafile f WHERE f.location IN ({told})"  # noqa: S608  # JPQL
        found |= {normal(str(file.location)): int(file.id) for file in client.search(query)}
    return found


def _files(ids: Sequence[int]) -> DataSelection:
    return DataSelection({"datafileIds": list(ids)})


def _portions(ids: list[int]) -> list[list[int]]:
    return [ids[start : start + NAMED_AT_ONCE] for start in range(0, len(ids), NAMED_AT_ONCE)]
