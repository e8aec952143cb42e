"""A whole download: what is asked for, what is missing, recalled if need be, fetched, verified."""

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from portal_cli.getting.fetching import Fetcher, Interrupted, Result
from portal_cli.getting.places import Folder, Refused, folder_name, parts_of
from portal_cli.getting.portal import NotGiven, Portal, Progress, RemoteFile, Unknown

AT_ONCE = 2
NAMED_AT_MOST = 5000  # files in a request; above, the whole dataset is asked for
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 3.0


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
    def __init__(self, portal: Portal, root: Path | None, display: Display) -> None:
        self._portal = portal
        self._root = root
        self._display = display
        self.stop = threading.Event()

    def run(self, named: str, names: Sequence[str]) -> Receipt:
        """Raises Unknown, OutOfReach, Interrupted; what fails by file is in the receipt."""
        pid = self._portal.dataset(named)
        everything = list(self._portal.files(pid))
        wanted = chosen(everything, names)
        receipt = Receipt(pid)
        self._display.begin(len(wanted), sum(f.size for f in wanted))
        receipt.folder = self._root or Path(folder_name(pid))
        folder = Folder(receipt.folder)
        try:
            fetcher = Fetcher(
                self._portal,
                pid,
                folder,
                names=frozenset(f.location for f in everything),
                advance=self._display.advance,
                stop=self.stop,
            )
            missing = self._missing(fetcher, wanted, receipt)
            there = self._recalled(pid, missing, receipt, whole=len(missing) == len(everything))
            self._note(receipt, self._fetched(fetcher, there))
        finally:
            folder.close()
        return receipt

    def _note(self, receipt: Receipt, results: Iterable[Result]) -> None:
        for result in results:
            receipt.results.append(result)
            self._display.finished(result)

    def _missing(
        self, fetcher: Fetcher, wanted: Sequence[RemoteFile], receipt: Receipt
    ) -> list[RemoteFile]:
        """What is not here yet, of what can be had at all."""
        found: list[RemoteFile] = []
        for file in wanted:
            if self.stop.is_set():
                raise Interrupted
            reason = _hindrance(file)
            if reason:
                self._note(receipt, [Result(file.location, "failed", reason=reason)])
            elif fetcher.present(file):
                self._display.advance(file.size)
                self._note(receipt, [Result(file.location, "present", file.size)])
            else:
                found.append(file)
        return found

    def _recalled(
        self, pid: str, files: list[RemoteFile], receipt: Receipt, *, whole: bool
    ) -> list[RemoteFile]:
        """Those that can be fetched, after those on tape have been asked for and waited for."""
        away = [f.location for f in files if f.state != "ONLINE"]
        if not away:
            return files
        all_of_it = (whole and len(away) == len(files)) or len(away) > NAMED_AT_MOST
        try:
            request = self._portal.ask(pid, None if all_of_it else away)
        except NotGiven as error:
            reason = f"the portal refuses: {error}"
            self._note(receipt, [Result(name, "failed", reason=reason) for name in away])
            return [f for f in files if f.state == "ONLINE"]
        ended = self._wait(request)
        if ended.state == "ONLINE":
            return files
        now = {f.location: f.state for f in self._portal.files(pid)}
        reason = ended.reason or "not restored from tape"
        absent = [f.location for f in files if now.get(f.location) != "ONLINE"]
        self._note(receipt, [Result(name, "failed", reason=reason) for name in absent])
        return [f for f in files if f.location not in set(absent)]

    def _wait(self, request: str) -> Progress:
        pause = FIRST_PAUSE
        while True:
            progress = self._portal.progress(request)
            self._display.staging(progress)
            if progress.done:
                return progress
            if self.stop.wait(pause):
                raise Interrupted
            pause = min(pause * 1.15, LONGEST_PAUSE)

    def _fetched(self, fetcher: Fetcher, files: Sequence[RemoteFile]) -> Iterable[Result]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                for future in as_completed([pool.submit(fetcher.fetch, f) for f in files]):
                    yield future.result()
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
