"""A client of the tape simulator's API, with the simulator in a process of its own."""

import random
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx

from tests.drivers import plain_http
from tests.drivers.forks import children

API = "/api/v1"
QUICK = ("--mount", "2", "--seek", "4", "--speed-factor", "200")


class Tape:
    """A running simulator over `folder`, with the calls its clients make."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.archive = folder / "archive"
        self.buffer = folder / "buffer"
        folders = ("--archive", str(self.archive), "--buffer", str(self.buffer))
        self.process = children.open_program("portal_local.tape", *QUICK, *folders, *options)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self.http = plain_http.client(self.url, timeout=30)

    def stop(self, *, kill: bool = False) -> None:
        """Once is enough, twice is harmless."""
        if self.http.is_closed:
            return
        self.http.close()
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def write(self, path: str, size: int = 5000) -> bytes:
        """A new file on tape."""
        content = random.Random(path).randbytes(size)  # noqa: S311 - content, not secrets
        file = self.archive / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return content

    def stage(self, *paths: str, **more: Any) -> str:
        answer = self.http.post(
            f"{API}/stage", json={"files": [{"path": path, **more} for path in paths]}
        )
        assert answer.status_code == 201, answer.text
        made: str = answer.json()["requestId"]
        return made

    def poll(self, request: str) -> dict[str, Any]:
        answer = self.http.get(f"{API}/stage/{request}")
        assert answer.status_code == 200, answer.text
        reported: dict[str, Any] = answer.json()
        return reported

    def states(self, request: str) -> dict[str, str]:
        return {file["path"]: file["state"] for file in self.poll(request)["files"]}

    def settled(self, request: str) -> dict[str, dict[str, Any]]:
        """Waits until the request is completed; returns its files by path."""
        until(lambda: "completedAt" in self.poll(request))
        return {file["path"]: file for file in self.poll(request)["files"]}

    def locality(self, *paths: str) -> list[str | None]:
        answer = self.http.post(f"{API}/archiveinfo", json={"paths": paths})
        assert answer.status_code == 200, answer.text
        return [reported.get("locality") for reported in answer.json()]

    def send_paths(self, call: str, request: str, paths: Iterable[str]) -> httpx.Response:
        """Cancel or release."""
        path = f"stage/{request}/cancel" if call == "cancel" else f"release/{request}"
        return self.http.post(f"{API}/{path}", json={"paths": list(paths)})

    def counts(self) -> dict[str, Any]:
        counted: dict[str, Any] = self.http.get("/_calls").json()
        return counted

    def fault(self, **fault: Any) -> None:
        self.http.post("/_faults", json=fault).raise_for_status()


def until(true: Callable[[], bool]) -> None:
    """Wait for it; the limit is for the broken, not for the slow."""
    give_up = time.monotonic() + 60
    while not true():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.02)
