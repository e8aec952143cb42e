"""Storage on two levels: a dataset's folder is in main storage, in the archive, or restoring."""

import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

State = Literal["ONLINE", "RESTORING", "ARCHIVED"]


class TieredStorage:
    """Moves datasets between the storages; a restart loses pending restores, as in IDS."""

    def __init__(
        self, folder: Path, restore_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._main, self._archive = folder / "main", folder / "archive"
        self._main.mkdir(parents=True, exist_ok=True)
        self._archive.mkdir(parents=True, exist_ok=True)
        self._seconds = restore_seconds
        self._clock = clock
        self._lock = threading.RLock()  # a folder is moved by one request at a time
        self._online_at: dict[int, float] = {}

    def put(self, dataset: int, chunks: Iterable[bytes]) -> tuple[str, int, int]:
        """Stores the content of a dataset that is online; returns its location, size and CRC32."""
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
        """Returns the file's path in the main storage, or None if it is not there."""
        path = (self._main / location).resolve()
        return path if path.is_relative_to(self._main.resolve()) and path.is_file() else None

    def remove(self, location: str) -> None:
        path = self.path(location)
        if path is not None:
            path.unlink()

    def state(self, datasets: Iterable[int]) -> State:
        """Returns the worst state of these datasets."""
        states = {self._state(dataset) for dataset in datasets}
        if "ARCHIVED" in states:
            return "ARCHIVED"
        return "RESTORING" if "RESTORING" in states else "ONLINE"

    def archive(self, datasets: Iterable[int]) -> None:
        with self._lock:
            for dataset in datasets:
                self._online_at.pop(dataset, None)
                if (self._main / str(dataset)).is_dir():
                    (self._main / str(dataset)).rename(self._archive / str(dataset))

    def restore(self, datasets: Iterable[int]) -> None:
        """Requests the datasets; they are online when the restore time has passed."""
        with self._lock:
            for dataset in datasets:
                if self._state(dataset) == "ARCHIVED":
                    self._online_at[dataset] = self._clock() + self._seconds
                    self._state(dataset)

    def restoring(self) -> list[int]:
        return [dataset for dataset in list(self._online_at) if self._state(dataset) == "RESTORING"]

    def _state(self, dataset: int) -> State:
        with self._lock:
            archived = self._archive / str(dataset)
            if not archived.is_dir():
                return "ONLINE"
            online_at = self._online_at.get(dataset)
            if online_at is None:
                return "ARCHIVED"
            if online_at > self._clock():
                return "RESTORING"
            archived.rename(self._main / str(dataset))
            del self._online_at[dataset]
            return "ONLINE"
