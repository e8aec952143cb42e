"""Addresses of the portal instance: from environment variables or from `instance.json`.

`portal up` writes `instance.json` into the data folder.
"""

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from portal_shared.runtime.settings import Settings

from portal_cli.terminal import EXIT_UNREACHABLE, fail

SERVICES = ("ingest", "doi", "indexer", "downloader", "gateway")


class NoInstance(Exception):
    """No instance runs with this data folder. The message explains how to start or select one."""


def read_instance(data: Path) -> dict[str, Any]:
    """Returns the content of `instance.json`. Raises NoInstance."""
    try:
        found: dict[str, Any] = json.loads((data / "instance.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise NoInstance(
            f"No portal is running with the data folder {data}. "
            "Start it with `portal up`, or select another data folder with --data."
        ) from error
    return found


def gateway_url(data: Path) -> str:
    """Returns PORTAL_URL or the gateway of the instance, without a final slash.

    Raises NoInstance.
    """
    return (os.environ.get("PORTAL_URL") or str(read_instance(data)["gateway"])).rstrip("/")


def amqp_url(data: Path) -> str:
    """Returns PORTAL_AMQP_URL or the broker of the instance. Raises NoInstance."""
    return os.environ.get("PORTAL_AMQP_URL") or str(read_instance(data)["amqp_url"])


def service_urls(data: Path) -> dict[str, str]:
    """Returns the URL of each service: PORTAL_<NAME>_URL or that of the instance.

    Raises NoInstance.
    """
    configured = {name: os.environ.get(f"PORTAL_{name.upper()}_URL") for name in SERVICES}
    if all(configured.values()):
        return {name: url.rstrip("/") for name, url in configured.items() if url}
    running = read_instance(data)["services"]
    return {name: configured[name] or str(running[name]["url"]) for name in SERVICES}


def bus_settings(data: Path) -> Settings:
    """Returns settings for a connection to the broker. Raises NoInstance."""
    return Settings.model_validate({"amqp_url": amqp_url(data)})


@contextmanager
def exit_if_unreachable(service: str) -> Generator[None]:
    """Ends the command with exit code 3 if no instance runs or the service does not respond."""
    try:
        yield
    except NoInstance as error:
        raise fail(str(error), EXIT_UNREACHABLE) from error
    except (httpx.HTTPError, ValueError) as error:
        reason = str(error) or repr(error)
        message = f"The {service} service did not respond as expected: {reason}"
        raise fail(message, EXIT_UNREACHABLE) from error
