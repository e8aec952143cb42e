"""What an instance is made of: each part a process, its command and its settings.

The services do not know that they run on one machine: they get URLs, here as anywhere.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from portal_local.launcher.layout import Layout
from portal_local.launcher.ports import free_port

SERVICES = ("ingest", "doi", "indexer", "downloader", "gateway")
USER, PASSWORD = "ingest", "ingest"  # of simulators that only this machine reaches
DATACITE_USER, DATACITE_PASSWORD, PREFIX = "DEMO.PORTAL", "demo", "10.5072"


@dataclass
class Part:
    """A process with an HTTP port: ready when GET `health` answers 200."""

    name: str
    command: list[str]
    port: int
    health: str = "/health"
    environment: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def simulators(layout: Layout, environment: Mapping[str, str]) -> list[Part]:
    """Those of the outside systems that no URL is given for."""
    found: list[Part] = []
    if not environment.get("PORTAL_MEILISEARCH_URL"):
        found.append(search(layout))
    if not environment.get("PORTAL_ICAT_URL"):
        found.append(
            _simulator(
                layout, "icat", "--data", str(layout.part("icat")), "--user", f"{USER}:{PASSWORD}"
            )
        )
    if not environment.get("PORTAL_DATACITE_URL"):
        found.append(
            _simulator(
                layout,
                "datacite",
                "--data",
                str(layout.part("datacite")),
                "--prefix",
                PREFIX,
                "--user",
                DATACITE_USER,
                "--password",
                DATACITE_PASSWORD,
            )
        )
    if not environment.get("PORTAL_TAPE_URL"):
        found.append(
            _simulator(
                layout,
                "tape",
                "--archive",
                str(layout.archive),
                "--buffer",
                str(layout.buffer),
                "--data",
                str(layout.tape),
            )
        )
    return found


def _simulator(layout: Layout, name: str, *arguments: str) -> Part:
    port = free_port()
    layout.part(name).mkdir(parents=True, exist_ok=True)
    module = [sys.executable, "-m", f"portal_local.{name}", "--host", "127.0.0.1"]
    return Part(name, [*module, "--port", str(port), *arguments], port)


def search(layout: Layout) -> Part:
    """Meilisearch where it is installed, else the stand-in."""
    program = shutil.which("meilisearch")
    if program is None:
        return _simulator(layout, "search", "--data", str(layout.part("search")))
    port = free_port()
    folder = layout.part("meilisearch")
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        program,
        "--http-addr",
        f"127.0.0.1:{port}",
        "--db-path",
        str(folder / "data"),
        "--no-analytics",
        "--max-indexing-memory",
        "512MiB",
    ]
    return Part("meilisearch", command, port)


def outside(parts: list[Part], environment: Mapping[str, str]) -> dict[str, str]:
    """The settings by which services find the outside systems that run here."""
    urls = {part.name: part.url for part in parts}
    told: dict[str, str] = {}
    for name in ("search", "meilisearch"):
        if name in urls:
            told["PORTAL_MEILISEARCH_URL"] = urls[name]
    if "icat" in urls:
        told |= {
            "PORTAL_ICAT_URL": urls["icat"],
            "PORTAL_ICAT_USER": USER,
            "PORTAL_ICAT_PASSWORD": PASSWORD,
        }
    if "datacite" in urls:
        told |= {
            "PORTAL_DATACITE_URL": urls["datacite"],
            "PORTAL_DATACITE_PREFIX": PREFIX,
            "PORTAL_DATACITE_USER": DATACITE_USER,
            "PORTAL_DATACITE_PASSWORD": DATACITE_PASSWORD,
        }
    if "tape" in urls:
        told["PORTAL_TAPE_URL"] = urls["tape"]
    return {name: value for name, value in told.items() if not environment.get(name)}


def services(layout: Layout, settings: Mapping[str, str], gateway_port: int) -> list[Part]:
    """The five services; the gateway has the port that readers know."""
    ports = {name: gateway_port if name == "gateway" else free_port() for name in SERVICES}
    site = os.environ.get("PORTAL_SITE_URL") or f"http://localhost:{gateway_port}"
    shared = {
        **settings,
        "PORTAL_SITE_URL": site,
        "PORTAL_INTAKE_ROOT": os.environ.get("PORTAL_INTAKE_ROOT") or str(layout.archive),
        "PORTAL_CACHE_DIR": os.environ.get("PORTAL_CACHE_DIR") or str(layout.cache),
        "PORTAL_DOWNLOADER_URL": f"http://127.0.0.1:{ports['downloader']}",
    }
    host = os.environ.get("PORTAL_HOST", "127.0.0.1")
    return [
        Part(
            name,
            [
                sys.executable,
                "-m",
                "uvicorn",
                "--factory",
                f"portal_{name}.app:build",
                "--host",
                host if name == "gateway" else "127.0.0.1",
                "--port",
                str(ports[name]),
                "--no-access-log",
                "--timeout-graceful-shutdown",
                "5",
            ],
            ports[name],
            environment=shared,
        )
        for name in SERVICES
    ]
