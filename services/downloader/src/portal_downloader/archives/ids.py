"""An ids.server beside ICAT, through python-icat, whose blocking calls run in a thread.

Files are found in ICAT by their location. The IDS has no stage requests: progress is the status of
the files. A status query returns the worst status of the queried files, so many are queried
together and the set is halved until the status of each is known. The IDS has no pins: a file it
removes is requested again.
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
from portal_shared.runtime.tls import tls_context

from portal_downloader.archives.protocol import Body, NotOnDisk, StageRefused, TransferInterrupted
from portal_downloader.archives.wlcg_answers import FileProgress, Locality
from portal_downloader.domain.paths import normalize
from portal_downloader.settings import DownloaderSettings

READ_BYTES = 2**20
MAX_IDS_PER_CALL = 100  # locations in one query, ids in one URL
T = TypeVar("T")
Status = Literal["ONLINE", "RESTORING", "ARCHIVED", "UNAVAILABLE"]
_LOCALITY: Mapping[str, Locality] = {
    "ONLINE": "DISK_AND_TAPE",
    "RESTORING": "TAPE",
    "ARCHIVED": "TAPE",
    "UNAVAILABLE": "UNAVAILABLE",
}
_PROGRESS: Mapping[str, FileProgress] = {
    "ONLINE": FileProgress("staged"),
    "RESTORING": FileProgress("started"),
    "ARCHIVED": FileProgress("failed", "the IDS is not restoring the file any more"),
    "UNAVAILABLE": FileProgress("failed", "the IDS does not know the status of the file"),
}


REFUSALS = (
    icat.exception.IDSDataNotOnlineError,
    icat.exception.IDSNotFoundError,
    icat.exception.IDSBadRequestError,
)


class StatusQueryFailed(Unavailable):
    """The IDS failed with an internal error, perhaps because of one of the queried files."""


class IdsArchive:
    pins_expire = False  # there are none

    def __init__(self, settings: DownloaderSettings) -> None:
        self._icat_url = settings.icat_url
        self._ids_url = settings.ids_url or f"{settings.icat_url.rstrip('/')}/ids"
        self._ca_file = settings.icat_ca_file
        self._plugin = settings.icat_authenticator
        password = settings.icat_password.get_secret_value()
        self._credentials = {"username": settings.icat_user, "password": password}
        self._timeout = settings.tape_timeout
        self._client: Any = None
        self._lock = asyncio.Lock()

    async def close(self) -> None:
        """Does nothing: the session expires."""

    async def stage(self, paths: Sequence[str]) -> str:
        ids = await self._call(lambda client: _ids(client, paths))
        for portion in _portions(list(ids.values())):
            await self._call(lambda client, p=portion: client.ids.restore(_files(p)))
        return uuid.uuid4().hex

    async def progress(
        self, stage_id: str, paths: Sequence[str]
    ) -> Mapping[str, FileProgress] | None:
        del stage_id  # the status of the files is the progress
        found = await self._statuses(paths)
        missing = FileProgress("failed", "ICAT has no file at this location")
        return {path: _PROGRESS[found[path]] if path in found else missing for path in paths}

    async def localities(self, paths: Sequence[str]) -> Mapping[str, Locality]:
        found = await self._statuses(paths)
        missing: Locality = "missing"
        return {path: _LOCALITY[found[path]] if path in found else missing for path in paths}

    async def release(self, stage_id: str, paths: Sequence[str]) -> None:
        """Does nothing: there are no pins."""

    async def cancel(self, stage_id: str, paths: Sequence[str]) -> None:
        """Does nothing: a restore cannot be cancelled."""

    async def _statuses(self, paths: Sequence[str]) -> dict[str, Status]:
        """Returns the status of each of these paths that ICAT has."""
        ids = await self._call(lambda client: _ids(client, paths))
        by_id: dict[int, Status] = {}
        for portion in _portions(list(ids.values())):
            await self._find_statuses(portion, by_id)
        return {path: by_id[number] for path, number in ids.items()}

    async def _find_statuses(self, ids: Sequence[int], found: dict[int, Status]) -> None:
        """Adds the status of each file to `found`; a query returns the worst of its files."""
        try:
            worst = await self._call(lambda client: client.ids.getStatus(_files(ids)))
        except (StageRefused, StatusQueryFailed):
            worst = "UNAVAILABLE"
        if worst == "ONLINE" or len(ids) == 1:
            status: Status = worst if worst in _PROGRESS else "UNAVAILABLE"
            found.update(dict.fromkeys(ids, status))
            return
        half = len(ids) // 2
        await self._find_statuses(ids[:half], found)
        await self._find_statuses(ids[half:], found)

    @asynccontextmanager
    async def open_file(self, path: str, start: int) -> AsyncGenerator[Body]:
        ids = await self._call(lambda client: _ids(client, [path]))
        if path not in ids:
            raise NotOnDisk("ICAT has no file at this location")
        selection = _files([ids[path]])
        try:  # getData of an archived file would start a restore
            status = await self._call(lambda client: client.ids.getStatus(selection))
            if status != "ONLINE":
                raise NotOnDisk(f"the status at the IDS is {status}")
            answer = await self._call(lambda client: client.ids.getData(selection, offset=start))
        except StageRefused as error:
            raise NotOnDisk(error.reason) from error
        try:
            yield Body(start, self._chunks(answer))
        finally:
            await asyncio.to_thread(answer.close)

    async def _chunks(self, answer: Any) -> AsyncIterator[bytes]:
        while True:
            try:
                async with asyncio.timeout(self._timeout):
                    chunk = await asyncio.to_thread(answer.read, READ_BYTES)
            except (OSError, TimeoutError, http.client.HTTPException) as error:
                raise TransferInterrupted(f"reading from the IDS: {error!r}") from error
            if not chunk:
                return
            yield chunk

    async def _call(self, call: Callable[[Any], T]) -> T:
        """Runs a call with a session. Raises StageRefused if refused for good, else Unavailable."""
        async with self._lock:
            try:
                async with asyncio.timeout(self._timeout):
                    return await asyncio.to_thread(self._call_blocking, call)
            except TimeoutError as error:
                self._client = None  # the thread may still use it
                raise Unavailable("the IDS does not answer") from error

    def _call_blocking(self, call: Callable[[Any], T]) -> T:
        try:
            if self._client is None:
                self._client = self._login()
            try:
                return call(self._client)
            except (icat.exception.ICATSessionError, icat.exception.IDSInsufficientPrivilegesError):
                self._client.login(self._plugin, self._credentials)  # the session has ended
                return call(self._client)
        except REFUSALS as error:
            raise StageRefused(f"the IDS: {error}") from error
        except icat.exception.IDSInternalError as error:
            raise StatusQueryFailed(f"the IDS: {error}") from error
        except (
            icat.exception.ICATError, icat.exception.IDSError, URLError, OSError,
            http.client.HTTPException, xml.sax.SAXException,
        ) as error:  # fmt: skip
            self._client = None
            raise Unavailable(f"the IDS or its ICAT: {error!r}"[:500]) from error

    def _login(self) -> Any:
        client = icat.Client(
            self._icat_url,
            idsurl=self._ids_url,
            cache=None,
            timeout=self._timeout,
            sslContext=tls_context(self._ca_file),
        )
        client.autoLogout = False
        client.login(self._plugin, self._credentials)
        return client


def _ids(client: Any, paths: Sequence[str]) -> dict[str, int]:
    """Returns the ids of the files at these locations, stored with or without a leading slash."""
    found: dict[str, int] = {}
    for start in range(0, len(paths), MAX_IDS_PER_CALL):
        names = [name for p in paths[start : start + MAX_IDS_PER_CALL] for name in (p, p[1:])]
        literals = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
        query = f"SELECT f FROM Datafile f WHERE f.location IN ({literals})"  # noqa: S608  # JPQL
        found |= {normalize(str(file.location)): int(file.id) for file in client.search(query)}
    return found


def _files(ids: Sequence[int]) -> DataSelection:
    return DataSelection({"datafileIds": list(ids)})


def _portions(ids: list[int]) -> list[list[int]]:
    return [ids[start : start + MAX_IDS_PER_CALL] for start in range(0, len(ids), MAX_IDS_PER_CALL)]
