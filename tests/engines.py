"""Search engines to talk to: one whose URL is given, and the stand-in as a process of its own."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
from meilisearch import Client


@dataclass
class Server:
    """Where the engine is and with which key."""

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
        self._folder = folder
        self.key = key
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        command = [sys.executable, "-m", "portal_local.search", "--port", str(self._port)]
        command += ["--data", str(self._folder)]
        command += ["--master-key", self.key] if self.key else []
        self._process = subprocess.Popen(command)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self._process.poll() is None, "the stand-in ended"
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/health").json() == {"status": "available"}:
                    return Server(self.url, self.key)
            time.sleep(0.05)
        raise AssertionError("the stand-in did not become available")

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(30)
