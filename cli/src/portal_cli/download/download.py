"""A whole download: what is asked for, what is missing, recalled if need be, fetched, verified."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from portal_shared.contracts.file_urls import folder_name

from portal_cli.download.awaited_files import Awaited
from portal_cli.download.client import NotGiven, NotNow, Portal, Progress, RemoteFile, Unknown
from portal_cli.download.fetcher import Fetcher, Result, verified
from portal_cli.download.ranges import Interrupted
from portal_cli.download.safe_paths import Folder, Refused, parts_of
from portal_cli.download.staging import Recall

AT_ONCE = 4
NAMED_AT_MOST = 5000  # files in a request; above, the whole dataset is asked for
ASKED_AGAIN = 3.0  # seconds after which what was too much may not be any more


class Display(Protocol):
    def begin(self, files: int, size: int) -> None: ...
    def staging(self, progress: Progress) -> None: ...
    def advance(self, count: int) -> None: ...
    def finished(self, result: Result) -> None: ...


@dataclass
class Receipt:
    pid: str
    folder: Path = Path()
    results: list[Result] = field(default_factory=list[Result])

    @property
    def failed(self) -> list[Result]:
        return [r for r in self.results if r.result == "failed"]


def chosen(files: Sequence[RemoteFile], names: Sequence[str]) -> list[RemoteFile]:
    """All, or those of these locations or plain names. Raises Unknown."""
    if not names:
        return list(files)
    found: dict[str, RemoteFile] = {}
    for name in names:
        same = [f for f in files if f.location == name]
        same = same or [f for f in files if f.location.rpartition("/")[2] == name]
        if not same:
            raise Unknown(f"the dataset has no file {name!r}")
        found |= {f.location: f for f in same}
    return list(found.values())


class Download:
    """Of one dataset: asked for first, so that several are recalled at once, fetched then."""

    def __init__(
        self,
        portal: Portal,
        root: Path | None,
        display: Display,
        *,
        at_once: int = AT_ONCE,
        ranges: int = AT_ONCE,
    ) -> None:
        self._portal = portal
        self._root = root
        self._display = display
        self._at_once = at_once
        self._ranges = ranges
        self._missing: list[RemoteFile] = []
        self._names: frozenset[str] = frozenset()
        self._size = 0
        self._files = 0
        self._request: str | None = None
        self._unasked: list[str] | None = None  # what is on tape and was too much to ask for yet
        self._whole = False  # all files are asked for, not some
        self._here = 0  # bytes that were there
        self.receipt = Receipt("")
        self.stop = threading.Event()

    def run(self, pid: str, names: Sequence[str]) -> Receipt:
        """Raises Unknown, OutOfReach, Interrupted; what fails by file is in the receipt."""
        self.ask(pid, names)
        return self.finish()

    def ask(self, pid: str, names: Sequence[str]) -> None:
        """Find out what is missing, and ask for what of it is on tape."""
        everything = list(self._portal.files(pid))
        wanted = chosen(everything, names)
        self.receipt = Receipt(pid, self._root or Path(folder_name(pid)))
        self._names = frozenset(f.location for f in everything)
        self._files, self._size = len(wanted), sum(f.size for f in wanted)
        folder = Folder(self.receipt.folder)
        try:
            self._missing = self._sorted_out(self._fetcher(folder), wanted)
        finally:
            folder.close()
        self._ask(whole=len(self._missing) == len(everything))

    def finish(self) -> Receipt:
        """Fetch what is online, and the rest as it comes."""
        self._display.begin(self._files, self._size)
        self._display.advance(self._here)
        folder = Folder(self.receipt.folder)
        try:
            self._note(self._fetched(self._fetcher(folder), self._coming()))
        finally:
            folder.close()
        return self.receipt

    def _fetcher(self, folder: Folder) -> Fetcher:
        return Fetcher(
            self._portal,
            self.receipt.pid,
            folder,
            names=self._names,
            advance=self._display.advance,
            stop=self.stop,
            ranges=self._ranges,
        )

    def _note(self, results: Iterable[Result]) -> None:
        for result in results:
            self.receipt.results.append(result)
            self._display.finished(result)

    def _sorted_out(self, fetcher: Fetcher, wanted: Sequence[RemoteFile]) -> list[RemoteFile]:
        """What is not here yet, of what can be had at all."""
        found: list[RemoteFile] = []
        for file in wanted:
            if self.stop.is_set():
                raise Interrupted
            reason = _hindrance(file)
            if reason:
                self._note([Result(file.location, "failed", reason=reason)])
            elif fetcher.present(file):
                self._here += file.size
                self._note([verified(file, "present")])
            else:
                found.append(file)
        return found

    def _ask(self, *, whole: bool) -> None:
        """For those on tape; what the portal refuses has failed."""
        files = self._missing
        away = [f.location for f in files if f.state != "ONLINE"]
        if not away:
            return
        self._whole = (whole and len(away) == len(files)) or len(away) > NAMED_AT_MOST
        self._unasked = away
        self.is_asked()

    def is_asked(self) -> bool:
        """Whether all of it is asked for by now: tried once more where it was too much before."""
        away = self._unasked
        if away is None:
            return True
        try:
            self._request = self._portal.ask(self.receipt.pid, None if self._whole else away)
        except NotNow:
            return False
        except NotGiven as error:
            reason = f"the portal refuses: {error}"
            self._note([Result(name, "failed", reason=reason) for name in away])
            self._missing = [f for f in self._missing if f.state == "ONLINE"]
        self._unasked = None
        return True

    def _coming(self) -> Iterator[list[RemoteFile]]:
        """What can be fetched, as soon as it can be; often nothing, while there is nothing new."""
        yield [f for f in self._missing if f.state == "ONLINE"]
        while not self.is_asked():
            if self.stop.wait(ASKED_AGAIN):
                raise Interrupted
            yield []
        if self._request is None:
            return
        awaited = Awaited((f for f in self._missing if f.state != "ONLINE"), self._names)
        portal, pid, staging = self._portal, self.receipt.pid, self._display.staging
        recall = Recall(portal, pid, self._request, awaited, staging, self.stop)
        ended = yield from recall.coming()
        yield self._left(ended, list(awaited.left.values()))

    def _left(self, ended: Progress, files: Sequence[RemoteFile]) -> list[RemoteFile]:
        """Of what was awaited to the end, what has come; the others have failed."""
        if ended.state == "ONLINE":
            return list(files)
        now = {f.location: f.state for f in self._portal.files(self.receipt.pid)}
        reason = ended.reason or "not restored from tape"
        absent = {f.location for f in files if now.get(f.location) != "ONLINE"}
        self._note([Result(name, "failed", reason=reason) for name in sorted(absent)])
        return [f for f in files if f.location not in absent]

    def _fetched(
        self, fetcher: Fetcher, portions: Iterable[Sequence[RemoteFile]]
    ) -> Iterator[Result]:
        """What has become of each, told at the latest with the next portion."""
        under_way: set[Future[Result]] = set()
        with ThreadPoolExecutor(self._at_once) as pool:
            try:
                for files in portions:
                    under_way |= {pool.submit(fetcher.fetch, f) for f in files}
                    done, under_way = wait(under_way, timeout=0)
                    yield from (future.result() for future in done)
                yield from (future.result() for future in as_completed(under_way))
            except BaseException:
                self.stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def _hindrance(file: RemoteFile) -> str | None:
    """Why it cannot be had here."""
    try:
        parts_of(file.location)
    except Refused as error:
        return str(error)
    if file.state == "UNAVAILABLE" or not file.sha256:
        return "the portal cannot deliver it: its checksum or place is not known"
    return None
