"""An instance of the portal, started with `portal up`."""

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from portal_local.launcher.ports import free_port

from tests.drivers import plain_http
from tests.drivers.forks.children import run_program


@dataclass(frozen=True)
class Portal:
    """A running instance, used through the `portal` command and its public address."""

    data: Path
    url: str

    def run(self, *arguments: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PORTAL_DATA": str(self.data)}
        return run_program("portal_cli.main", *arguments, environment=environment, timeout=timeout)

    def done(self, *arguments: str, timeout: float = 600) -> str:
        """Runs a command that must succeed; returns its standard output."""
        result = self.run(*arguments, timeout=timeout)
        output = f"{arguments}: {result.stdout}\n{result.stderr}"
        assert result.returncode == 0, f"{output}\n{self.restarted_logs()}"
        return result.stdout

    def api(self, path: str, **parameters: Any) -> Any:
        """Returns the JSON of GET /api…; parameters that are not texts are sent as JSON."""
        query = {k: v if isinstance(v, str) else json.dumps(v) for k, v in parameters.items()}
        answer = plain_http.get(f"{self.url}/api{path}", params=query, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return found

    def instance(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data / "instance.json").read_text("utf-8"))
        return found

    def restarted_logs(self) -> str:
        """Returns the end of the launcher's log, and of the logs of what it restarted."""
        running = self.instance() if (self.data / "instance.json").is_file() else {}
        parts = {**running.get("services", {}), **running.get("servers", {})}
        logs = [
            self.data / "portal.log",
            *(Path(p["log"]) for p in parts.values() if p["restarts"]),
        ]
        return "\n".join(
            f"{log.name}:\n{log.read_text('utf-8', 'replace')[-3000:]}"
            for log in logs
            if log.is_file()
        )

    def part(self, name: str) -> str:
        """Returns the URL of a service or simulator."""
        return str(self.instance()["services"][name]["url"])


def started(folder: Path, *options: str, with_site: bool = False) -> Portal:
    port = free_port()
    portal = Portal(folder, f"http://localhost:{port}")
    site = () if with_site else ("--no-site",)
    result = portal.run("up", "--detach", "--port", str(port), *site, *options)
    if result.returncode:
        log = folder / "portal.log"
        pytest.fail(f"{result.stderr}\n{log.read_text('utf-8')[-3000:] if log.exists() else ''}")
    return portal


def until(condition: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not within the time allowed"
        time.sleep(0.2)


def killed(portal: Portal, name: str) -> None:
    """Kills a component and its descendants; returns when it was restarted."""
    running = portal.instance()
    kind = "servers" if name in running["servers"] else "services"
    before = running[kind][name]
    os.killpg(before["pid"], signal.SIGKILL)
    until(lambda: portal.instance()[kind][name]["restarts"] > before["restarts"], 120)
