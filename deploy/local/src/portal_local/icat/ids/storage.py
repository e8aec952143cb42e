"""Files on two levels: a dataset's folder is in the main storage, in the archive, or on its way."""

import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

State = Literal["ONLINE", "RESTORING", "ARCHIVED"]


class Shelf:
    """Where a file is survives a restart; that a restore was asked for does not, as in IDS."""

    def __init__(
        self, folder: Path, restore_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._main, self._archive = folder / "main", folder / "archive"
        self._main.mkdir(parents=True, exist_ok=True)
        self._archive.mkdir(parents=True, exist_ok=True)
        self._seconds = restore_seconds
        self._clock = clock
        self._turn = threading.RLock()  # a folder is moved by one request at a time
        self._due: dict[int, float] = {}

    def put(self, dataset: int, chunks: Iterable[bytes]) -> tuple[str, int, int]:
        """Keeps the content; its location, size and CRC32. A dataset elsewhere must be restored."""
        location = f"{dataset}/{uuid.uuid4()}"
        path = self._main / location
        path.parent.mkdir(exist_ok=True)
        size = checksum = 0
        try:
            with path.open("wb") as file:
                for chunk in chunks:
                    size += file.write(chunk)
                    checksum = zlib.crc32(chunk, checksum)
        except BaseException:
            path.unlink()
            raise
        return location, size, checksum

    def path(self, location: str) -> Path | None:
        """The file in the main storage, if it is one of ours and there."""
        path = (self._main / location).resolve()
        return path if path.is_relative_to(self._main.resolve()) and path.is_file() else None

    def remove(self, location: str) -> None:
        path = self.path(location)
        if path is not None:
            path.unlink()

    def state(self, datasets: Iterable[int]) -> State:
        """The worst state of any of them."""
        states = {self._state(dataset) for dataset in datasets}
        if "ARCHIVED" in states:
            return "ARCHIVED"
        return "RESTORING" if "RESTORING" in states else "ONLINE"

    def archive(self, datasets: Iterable[int]) -> None:
        with self._turn:
            for dataset in datasets:
                self._due.pop(dataset, None)
                if (self._main / str(dataset)).is_dir():
                    (self._main / str(dataset)).rename(self._archive / str(dataset))

    def restore(self, datasets: Iterable[int]) -> None:
        """Asks for them; they are online when the time of a restore has passed."""
        with self._turn:
            for dataset in datasets:
                if self._state(dataset) == "ARCHIVED":
                    self._due[dataset] = self._clock() + self._seconds
                    self._state(dataset)

    def restoring(self) -> list[int]:
        return [dataset for dataset in list(self._due) if self._state(dataset) == "RESTORING"]

    def _state(self, dataset: int) -> State:
        with self._turn:
            away = self._archive / str(dataset)
            if not away.is_dir():
                return "ONLINE"
            due = self._due.get(dataset)
            if due is None:
                return "ARCHIVED"
            if due > self._clock():
                return "RESTORING"
            away.rename(self._main / str(dataset))
            del self._due[dataset]
            return "ONLINE"
