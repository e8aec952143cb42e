"""The tape simulator in a process of its own."""

import hashlib
import random
from pathlib import Path
from typing import Any

from portal_shared.contracts.records import File
from typing_extensions import override

from tests.drivers import plain_http
from tests.drivers.process import ServerProcess

QUICK_TAPE = ("--mount", "2", "--seek", "4", "--speed-factor", "100")


class TapeArchive(ServerProcess):
    """The tape simulator, started at once; each test writes to a folder of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.archive, self.folder = folder / "archive", folder
        self.name = ""  # of the test's folder
        super().__init__(
            "tape",
            *("-m", "portal_local.tape", "--archive", str(self.archive)),
            *("--buffer", str(folder / "buffer"), *options),
            folder=folder,
        )
        self.http = plain_http.client(self.url, timeout=30)
        self.start()

    @override
    def stop(self) -> None:
        self.http.close()
        super().stop()

    def start_test(self, name: str) -> None:
        """Uses a new folder and clears faults and counters."""
        self.name = name
        self.http.delete("/_faults").raise_for_status()
        self.http.delete("/_calls").raise_for_status()

    def write(self, path: str, size: int = 3000) -> File:
        """Writes a file to tape and returns it as a file of a dataset in its folder."""
        content = random.Random(f"{self.name}/{path}").randbytes(size)  # noqa: S311
        target = self.archive / self.name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return File(name=target.name, size=size, sha256=hashlib.sha256(content).hexdigest())

    def describe(self, name: str, content: bytes) -> File:
        """Returns a file of this content that is stored elsewhere."""
        return File(name=name, size=len(content), sha256=hashlib.sha256(content).hexdigest())

    def list_files(self, path: str) -> list[File]:
        """Returns all files below a folder as files of a dataset."""
        folder = self.archive / self.name / path
        found: list[File] = []
        for file in sorted(f for f in folder.rglob("*") if f.is_file()):
            body, place = file.read_bytes(), str(file.parent.relative_to(folder))
            found.append(
                File(
                    name=file.name,
                    path=None if place == "." else place,
                    size=len(body),
                    sha256=hashlib.sha256(body).hexdigest(),
                )
            )
        return found

    def content(self, path: str) -> bytes:
        return (self.archive / self.name / path).read_bytes()

    def add_fault(self, *, path: str | None = None, **fault: Any) -> None:
        where = {"path": f"/{self.name}/{path}"} if path else {}
        self.http.post("/_faults", json={**fault, **where}).raise_for_status()

    @property
    def recalls(self) -> dict[str, int]:
        """How often each file of the test was read from tape."""
        counted: dict[str, int] = self.http.get("/_calls").json()["recalls"]
        start = f"/{self.name}/"
        return {p.removeprefix(start): n for p, n in counted.items() if p.startswith(start)}

    @property
    def stage_requests(self) -> int:
        counted: int = self.http.get("/_calls").json()["stage_requests"]
        return counted
