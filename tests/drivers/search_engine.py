"""Search engines to talk to: one whose URL is given, or the stand-in in a process of its own."""

from dataclasses import dataclass
from pathlib import Path

import httpx
from meilisearch import Client

from tests.drivers.process import ServerProcess


@dataclass(frozen=True)
class Server:
    """Address and key of an engine."""

    url: str
    key: str | None

    def client(self) -> Client:
        return Client(self.url, self.key)

    def http(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)


class StandIn:
    """A stand-in process over a folder; may be killed and started again."""

    def __init__(self, folder: Path, key: str | None = None) -> None:
        options = ("--master-key", key) if key else ()
        self.key = key
        self.process = ServerProcess(
            "search",
            *("-m", "portal_local.search", "--data", str(folder), *options),
            folder=folder.parent,
            health="/health",
        )
        self.url = self.process.url

    def start(self) -> Server:
        self.process.start()
        return Server(self.url, self.key)

    def kill(self) -> None:
        self.process.kill()

    def stop(self) -> None:
        self.process.stop()
