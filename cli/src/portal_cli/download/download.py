"""Downloads one dataset: finds missing files, requests those on tape, fetches and verifies all."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from portal_shared.contracts.file_urls import folder_name

from portal_cli.download.client import (
    PortalClient,
    QuotaExceeded,
    RemoteFile,
    RequestRefused,
    StagingProgress,
)
from portal_cli.download.disk_names import DiskNames
from portal_cli.download.fetcher import Fetcher, FileResult, verified_result
from portal_cli.download.ranges import Interrupted
from portal_cli.download.safe_paths import (
    DownloadFolder,
    UnsafeName,
    split_location,
)
from portal_cli.download.selection import select_files
from portal_cli.download.staging import AwaitedFiles, StagingRequest

DEFAULT_PARALLEL = 4
MAX_LISTED_FILES = 5000  # in a staging request; for more files the whole dataset is requested
RETRY_REQUEST_SECONDS = 3.0  # until a request that exceeded the quota is repeated


class Display(Protocol):
    def begin(self, files: int, size: int) -> None: ...
    def staging(self, progress: StagingProgress) -> None: ...
    def advance(self, count: int) -> None: ...
    def finished(self, result: FileResult) -> None: ...


@dataclass
class DatasetResult:
    """Results of all files of a dataset."""

    pid: str
    folder: Path = Path()
    files: list[FileResult] = field(default_factory=list[FileResult])

    @property
    def failed(self) -> list[FileResult]:
        return [f for f in self.files if f.result == "failed"]


class DatasetDownload:
    """The download of one dataset in two steps, so that several can be requested together.

    `request` finds what is missing and requests the files on tape; `fetch` downloads the files.
    """

    def __init__(
        self,
        portal: PortalClient,
        root: Path | None,
        display: Display,
        *,
        at_once: int = DEFAULT_PARALLEL,
        ranges: int = DEFAULT_PARALLEL,
    ) -> None:
        self._portal = portal
        self._root = root
        self._display = display
        self._at_once = at_once
        self._ranges = ranges
        self._missing: list[RemoteFile] = []
        self._locations: frozenset[str] = frozenset()
        self._size = 0
        self._files = 0
        self._request_id: str | None = None
        self._unrequested: list[str] | None = None  # on tape; None if nothing is left to request
        self._request_all = False  # request the whole dataset, not single files
        self._present_bytes = 0
        self.result = DatasetResult("")
        self.stop = threading.Event()

    def run(self, pid: str, names: Sequence[str]) -> DatasetResult:
        """Requests and fetches. Raises SelectionError, OutOfReach, Interrupted.

        Failures of single files are in the result.
        """
        self.request(pid, names)
        return self.fetch()

    def request(self, pid: str, names: Sequence[str]) -> None:
        """Finds the missing files and requests those that are on tape."""
        all_files = list(self._portal.list_files(pid))
        selected = select_files(all_files, names)
        self.result = DatasetResult(pid, self._root or Path(folder_name(pid)))
        self._locations = frozenset(f.location for f in all_files)
        self._files, self._size = len(selected), sum(f.size for f in selected)
        folder = DownloadFolder(self.result.folder)
        try:
            disk = DiskNames(folder, self._locations)
            self._missing = self._find_missing(self._fetcher(folder), selected, disk)
        finally:
            folder.close()
        on_tape = [f.location for f in self._missing if f.state != "ONLINE"]
        if on_tape:
            self._request_all = len(on_tape) == len(all_files) or len(on_tape) > MAX_LISTED_FILES
            self._unrequested = on_tape
            self.try_request()

    def fetch(self) -> DatasetResult:
        """Downloads the files that are online, and the others as they arrive from tape."""
        self._display.begin(self._files, self._size)
        self._display.advance(self._present_bytes)
        folder = DownloadFolder(self.result.folder)
        try:
            self._record(self._fetch_batches(self._fetcher(folder), self._online_batches()))
        finally:
            folder.close()
        return self.result

    def try_request(self) -> bool:
        """Requests the files on tape; returns False if the quota does not allow it yet."""
        on_tape = self._unrequested
        if on_tape is None:
            return True
        locations = None if self._request_all else on_tape
        try:
            self._request_id = self._portal.request_staging(self.result.pid, locations)
        except QuotaExceeded:
            return False
        except RequestRefused as error:
            reason = f"the portal refused the request: {error}"
            self._record([FileResult(name, "failed", reason=reason) for name in on_tape])
            self._missing = [f for f in self._missing if f.state == "ONLINE"]
        self._unrequested = None
        return True

    def _fetcher(self, folder: DownloadFolder) -> Fetcher:
        return Fetcher(
            self._portal,
            self.result.pid,
            folder,
            locations=self._locations,
            advance=self._display.advance,
            stop=self.stop,
            ranges=self._ranges,
        )

    def _record(self, results: Iterable[FileResult]) -> None:
        for result in results:
            self.result.files.append(result)
            self._display.finished(result)

    def _find_missing(
        self, fetcher: Fetcher, selected: Sequence[RemoteFile], disk: DiskNames
    ) -> list[RemoteFile]:
        """Returns the files to download; records those that are present or cannot be had."""
        missing: list[RemoteFile] = []
        wanted = {file.location for file in selected}
        for file in selected:
            if self.stop.is_set():
                raise Interrupted
            reason = _why_unavailable(file)
            if reason:
                self._record([FileResult(file.location, "failed", reason=reason)])
            elif fetcher.is_present(file):
                self._present_bytes += file.size
                self._record([verified_result(file, "present")])
            elif reason := disk.problem(file.location, wanted, fetcher.is_taken):
                self._record([FileResult(file.location, "failed", reason=reason)])
            else:
                missing.append(file)
        return missing

    def _online_batches(self) -> Iterator[list[RemoteFile]]:
        """Yields files as soon as they are online; often an empty list while none arrives."""
        yield [f for f in self._missing if f.state == "ONLINE"]
        while not self.try_request():
            if self.stop.wait(RETRY_REQUEST_SECONDS):
                raise Interrupted
            yield []
        if self._request_id is None:
            return
        awaited = AwaitedFiles((f for f in self._missing if f.state != "ONLINE"), self._locations)
        request = StagingRequest(
            self._portal,
            self.result.pid,
            self._request_id,
            awaited,
            self._display.staging,
            self.stop,
        )
        final = yield from request.arrivals()
        yield self._last_batch(final, list(awaited.remaining.values()))

    def _last_batch(self, final: StagingProgress, files: Sequence[RemoteFile]) -> list[RemoteFile]:
        """Returns the awaited files that are online now; records the others as failed."""
        if final.state == "ONLINE":
            return list(files)
        states = {f.location: f.state for f in self._portal.list_files(self.result.pid)}
        reason = final.reason or "not restored from tape"
        absent = {f.location for f in files if states.get(f.location) != "ONLINE"}
        self._record([FileResult(name, "failed", reason=reason) for name in sorted(absent)])
        return [f for f in files if f.location not in absent]

    def _fetch_batches(
        self, fetcher: Fetcher, batches: Iterable[Sequence[RemoteFile]]
    ) -> Iterator[FileResult]:
        """Yields the result of each file, at the latest with the batch after it has finished."""
        running: set[Future[FileResult]] = set()
        with ThreadPoolExecutor(self._at_once) as pool:
            try:
                for files in batches:
                    running |= {pool.submit(fetcher.fetch, f) for f in files}
                    done, running = wait(running, timeout=0)
                    yield from (future.result() for future in done)
                yield from (future.result() for future in as_completed(running))
            except BaseException:
                self.stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def _why_unavailable(file: RemoteFile) -> str | None:
    """Returns why the file cannot be downloaded, or None."""
    try:
        split_location(file.location)
    except UnsafeName as error:
        return str(error)
    if file.state == "UNAVAILABLE" or not file.sha256:
        return "the portal cannot deliver it: its checksum or its place in the archive is not known"
    return None
