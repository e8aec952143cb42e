"""Prometheus beside an instance of the portal: it reads the figures of all services."""

import json
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from portal_local.launcher.ports import free_port, wait_until
from portal_local.launcher.processes import Child

from tests.drivers import plain_http

SCRAPE_SECONDS = 2
RATE_INTERVAL = "20s"  # what Grafana takes for `$__rate_interval`, but at least some requests
START_SECONDS = 120


@dataclass(frozen=True)
class Series:
    """One line of a panel: its labels, and values by seconds since the epoch."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    url: str

    def series(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """Returns what an expression of a dashboard has between two times, without NaN."""
        query = {
            "query": expression.replace("$__rate_interval", RATE_INTERVAL),
            "start": start, "end": end, "step": step,
        }  # fmt: skip
        answer = plain_http.get(f"{self.url}/api/v1/query_range", params=query, timeout=120)
        found = [
            Series(
                one["metric"],
                tuple((float(t), float(v)) for t, v in one["values"] if v not in ("NaN", "+Inf")),
            )
            for one in answer.raise_for_status().json()["data"]["result"]
        ]
        return [one for one in found if one.points]


def configuration(instance: Path) -> str:
    """Returns its configuration (JSON is YAML): each service of the instance is a job."""
    services: dict[str, dict[str, Any]]
    services = json.loads((instance / "instance.json").read_text("utf-8"))["services"]
    jobs = [
        {
            "job_name": name,
            "authorization": {"credentials_file": str(instance / "operator-token")},
            "static_configs": [{"targets": [urlsplit(str(service["operator_url"])).netloc]}],
        }
        for name, service in services.items()
        if name in ("ingest", "doi", "indexer", "downloader", "gateway")
    ]
    every = {"scrape_interval": f"{SCRAPE_SECONDS}s"}
    return json.dumps({"global": every, "scrape_configs": jobs})


@contextmanager
def running(instance: Path, folder: Path) -> Generator[Prometheus]:
    """Runs it for an instance whose data are in `instance`, with its own data in `folder`.

    Raises FileNotFoundError if it is not installed.
    """
    program = shutil.which("prometheus")
    if program is None:
        raise FileNotFoundError("Prometheus is missing: apt-get install prometheus")
    folder.mkdir(parents=True, exist_ok=True)
    file, port = folder / "prometheus.yaml", free_port()
    file.write_text(configuration(instance), "utf-8")
    command = [
        program, f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    child = Child("prometheus", command, log=folder / "prometheus.log", environment={})
    made = Prometheus(f"http://127.0.0.1:{port}")
    try:
        wait_until(lambda: _is_ready(made), child, START_SECONDS)
        yield made
    finally:
        child.stop()


def _is_ready(made: Prometheus) -> bool:
    try:
        return plain_http.get(f"{made.url}/-/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
