"""Components of a local instance: the command line and the settings of each process.

The services are started as in production: they find each other and the outside systems by URL.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from portal_local.launcher.layout import Layout
from portal_local.launcher.ports import free_port

HTTP_PROTOCOL = "portal_shared.service.http_protocol:DeadlineProtocol"
SERVICES = ("ingest", "doi", "indexer", "downloader", "gateway")
FOR_READERS = ("downloader", "gateway")  # their routes for operators have a port of their own
ICAT_USER, ICAT_PASSWORD = "ingest", "ingest"  # only for the simulator, which listens on 127.0.0.1
DATACITE_USER, DATACITE_PASSWORD, DATACITE_PREFIX = "DEMO.PORTAL", "demo", "10.5072"


@dataclass
class Component:
    """A process with an HTTP port. It is ready when GET `health` returns 200."""

    name: str
    command: list[str]
    port: int
    health: str = "/health"
    environment: dict[str, str] = field(default_factory=dict[str, str])
    operator_port: int | None = None  # of routes for operators; None: they are on `port`

    @property
    def operator_url(self) -> str:
        return f"http://127.0.0.1:{self.operator_port or self.port}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def simulators(layout: Layout, environment: Mapping[str, str]) -> list[Component]:
    """Returns the simulators of those outside systems for which `environment` has no URL."""
    found: list[Component] = []
    if not environment.get("PORTAL_MEILISEARCH_URL"):
        found.append(search_engine(layout))
    if not environment.get("PORTAL_ICAT_URL"):
        found.append(
            _simulator(
                layout,
                "icat",
                "--data",
                str(layout.component_folder("icat")),
                "--user",
                f"{ICAT_USER}:{ICAT_PASSWORD}",
            )
        )
    if not environment.get("PORTAL_DATACITE_URL"):
        found.append(
            _simulator(
                layout,
                "datacite",
                "--data",
                str(layout.component_folder("datacite")),
                "--prefix",
                DATACITE_PREFIX,
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
                str(layout.intake_root(environment)),
                "--buffer",
                str(layout.buffer),
                "--data",
                str(layout.tape),
            )
        )
    return found


def _simulator(layout: Layout, name: str, *arguments: str) -> Component:
    port = free_port()
    layout.component_folder(name).mkdir(parents=True, exist_ok=True)
    module = [sys.executable, "-m", f"portal_local.{name}", "--host", "127.0.0.1"]
    return Component(name, [*module, "--port", str(port), *arguments], port)


def search_engine(layout: Layout) -> Component:
    """Returns Meilisearch if it is installed, otherwise its simulator."""
    program = shutil.which("meilisearch")
    if program is None:
        return _simulator(layout, "search", "--data", str(layout.component_folder("search")))
    port = free_port()
    folder = layout.component_folder("meilisearch")
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
    return Component("meilisearch", command, port)


def simulator_settings(
    components: list[Component], environment: Mapping[str, str]
) -> dict[str, str]:
    """Returns the service settings that point to these simulators.

    Settings that `environment` already has are left out.
    """
    urls = {component.name: component.url for component in components}
    settings: dict[str, str] = {}
    for name in ("search", "meilisearch"):
        if name in urls:
            settings["PORTAL_MEILISEARCH_URL"] = urls[name]
    if "icat" in urls:
        settings |= {
            "PORTAL_ICAT_URL": urls["icat"],
            "PORTAL_ICAT_USER": ICAT_USER,
            "PORTAL_ICAT_PASSWORD": ICAT_PASSWORD,
        }
    if "datacite" in urls:
        settings |= {
            "PORTAL_DATACITE_URL": urls["datacite"],
            "PORTAL_DATACITE_PREFIX": DATACITE_PREFIX,
            "PORTAL_DATACITE_USER": DATACITE_USER,
            "PORTAL_DATACITE_PASSWORD": DATACITE_PASSWORD,
        }
    if "tape" in urls:
        settings |= {
            "PORTAL_TAPE_URL": urls["tape"],
            "PORTAL_USUAL_FIRST_SECONDS": "2",  # the simulator is much faster than a tape library
            "PORTAL_USUAL_BYTES_PER_SECOND": "1e9",
        }
    return {name: value for name, value in settings.items() if not environment.get(name)}


def site_url(gateway_port: int) -> str:
    """Returns the public address of the portal."""
    return os.environ.get("PORTAL_SITE_URL") or f"http://localhost:{gateway_port}"


def services(layout: Layout, settings: Mapping[str, str], gateway_port: int) -> list[Component]:
    """Returns the five services. The gateway gets `gateway_port`, the others a free port."""
    ports = {name: gateway_port if name == "gateway" else free_port() for name in SERVICES}
    shared = {
        **settings,
        "PORTAL_SITE_URL": site_url(gateway_port),
        "PORTAL_INTAKE_ROOT": str(layout.intake_root(os.environ)),
        "PORTAL_DATA_DIR": str(layout.root.absolute()),
        "PORTAL_CACHE_DIR": os.environ.get("PORTAL_CACHE_DIR") or str(layout.cache),
        "PORTAL_DOWNLOADER_URL": f"http://127.0.0.1:{ports['downloader']}",
        # No proxy is believed, not even on this machine, unless it is named.
        "FORWARDED_ALLOW_IPS": os.environ.get("FORWARDED_ALLOW_IPS", ""),
    }
    operators = {name: free_port() for name in FOR_READERS}
    host = os.environ.get("PORTAL_HOST", "127.0.0.1")
    return [
        Component(
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
                "--http",
                HTTP_PROTOCOL,
                "--timeout-graceful-shutdown",
                "5",
            ],
            ports[name],
            environment={**shared, **_operator_port(operators.get(name))},
            operator_port=operators.get(name),
        )
        for name in SERVICES
    ]


def _operator_port(port: int | None) -> dict[str, str]:
    if port is None:
        return {}
    return {"PORTAL_OPERATOR_HOST": "127.0.0.1", "PORTAL_OPERATOR_PORT": str(port)}
