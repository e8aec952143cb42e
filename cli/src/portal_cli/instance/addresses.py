"""Addresses of the portal instance: from environment variables or from `instance.json`.

`portal up` writes `instance.json` into the data folder, and beside it the token of operators.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from portal_cli.terminal import EXIT_UNREACHABLE, EXIT_USAGE, fail

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    import httpx
    from portal_shared.runtime.settings import Settings

SERVICES = ("ingest", "doi", "indexer", "downloader", "gateway")
AMQP_VARIABLE, MONGO_VARIABLE, URL_VARIABLE, TOKEN_VARIABLE = (
    "PORTAL_AMQP_URL",
    "PORTAL_MONGO_URL",
    "PORTAL_URL",
    "PORTAL_OPERATOR_TOKEN",
)


REQUIRED_FACTS = {"pid", "gateway", "amqp_url", "services", "servers"}


class NoInstance(Exception):
    """No instance runs with this data folder. The message explains how to start or select one."""


class InvalidVariable(Exception):
    """An environment variable has a value that cannot be used. The message has its name."""


def read_instance(data: Path) -> dict[str, Any]:
    """Returns the content of `instance.json`. Raises NoInstance."""
    try:
        found = json.loads((data / "instance.json").read_text("utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or not cast("dict[str, Any]", found).keys() >= REQUIRED_FACTS:
        raise NoInstance(
            f"No portal is running with the data folder {data}. "
            "Start it with `portal up`, or select another data folder with --data."
        )
    return cast("dict[str, Any]", found)


def gateway_url(data: Path) -> str:
    """Returns PORTAL_URL or the gateway of the instance, without a final slash.

    Raises NoInstance.
    """
    return (os.environ.get(URL_VARIABLE) or str(read_instance(data)["gateway"])).rstrip("/")


def amqp_url(data: Path) -> str:
    """Returns PORTAL_AMQP_URL or the broker of the instance. Raises NoInstance, InvalidVariable."""
    given = os.environ.get(AMQP_VARIABLE)
    if given and not _is_address(given, {"amqp", "amqps"}):
        raise InvalidVariable(
            f"{AMQP_VARIABLE}={without_password(given)} is not the address of a broker: it must be "
            "like amqp://user:password@host:5672"
        )
    return given or str(read_instance(data)["amqp_url"])


def intake_folder(data: Path) -> str | None:
    """Returns the folder below which jobs name theirs, or None if it is not on this machine."""
    try:
        return os.environ.get("PORTAL_INTAKE_ROOT") or str(read_instance(data)["archive"])
    except (NoInstance, KeyError):
        return None


def service_urls(data: Path) -> dict[str, str]:
    """Returns where each service has its routes for operators.

    That is PORTAL_<NAME>_URL, or the address of the instance.

    Raises NoInstance, InvalidVariable.
    """
    configured = {name: os.environ.get(_variable(name)) for name in SERVICES}
    for name, url in configured.items():
        if url and not is_web_address(url):
            raise InvalidVariable(
                f"{_variable(name)}={without_password(url)} is not an address: it must be like "
                "http://host:port"
            )
    if all(configured.values()):
        return {name: url.rstrip("/") for name, url in configured.items() if url}
    running = read_instance(data)["services"]
    return {
        name: (configured[name] or _running_url(running, name)).rstrip("/") for name in SERVICES
    }


def _running_url(running: Any, name: str) -> str:
    try:
        found = running[name]
        return str(found.get("operator_url") or found["url"])
    except (AttributeError, KeyError, TypeError) as error:
        raise NoInstance(
            f"instance.json has no address of {name}; start the portal again."
        ) from error


def _variable(service: str) -> str:
    return f"PORTAL_{service.upper()}_URL"


def is_web_address(url: str) -> bool:
    return _is_address(url, {"http", "https"})


def _is_address(url: str, schemes: set[str]) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def without_password(url: str) -> str:
    """Returns the address without user and password."""
    before, at, after = url.rpartition("@")
    return f"{before.partition('//')[0]}//{after}" if at else url


def unreachable(service: str) -> str:
    """Returns the words for a service or the broker that does not respond.

    If its address is from a variable, they name the variable.
    """
    others = {"broker": AMQP_VARIABLE, "portal": URL_VARIABLE}
    for variable in [others.get(name) or _variable(name) for name in service.split(" or ")]:
        if url := os.environ.get(variable):
            return f"{variable}={without_password(url)} is not reachable"
    return f"The {service}{'' if service in others else ' service'} did not respond as expected"


def operator_headers(data: Path) -> dict[str, str]:
    """Returns the header with the token of operators: PORTAL_OPERATOR_TOKEN or that of `up`."""
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        try:
            token = (data / "operator-token").read_text("utf-8").strip()
        except (OSError, UnicodeError):
            return {}
    try:
        token.encode("ascii")
    except UnicodeError as error:
        raise InvalidVariable(f"{TOKEN_VARIABLE} must consist of ASCII characters") from error
    return {"Authorization": f"Bearer {token}"} if token.strip() else {}


def operator_client(data: Path, service: str, *, timeout: float) -> httpx.Client:
    """Returns a client of a service's routes for operators.

    Raises NoInstance, InvalidVariable.
    """
    import httpx

    url = service_urls(data)[service]
    return httpx.Client(base_url=url, headers=operator_headers(data), timeout=timeout)


def bus_settings(data: Path) -> Settings:
    """Returns settings for a connection to the broker. Raises NoInstance, InvalidVariable."""
    return _settings(amqp_url=amqp_url(data))


def database_settings(data: Path) -> Settings:
    """Returns settings for the database: PORTAL_MONGO_URL or that of the instance.

    Raises NoInstance, InvalidVariable.
    """
    url = os.environ.get(MONGO_VARIABLE) or str(read_instance(data).get("mongo_url", ""))
    if not _is_database(url):
        raise InvalidVariable(
            f"{MONGO_VARIABLE}={without_password(url)} is not the address of a database: it must "
            "be like mongodb://user:password@host:27017"
        )
    return _settings(mongo_url=url)


def _is_database(url: str) -> bool:
    return url.startswith(("mongodb://", "mongodb+srv://"))  # several hosts: no URL of RFC 3986


def _settings(**values: str) -> Settings:
    from portal_shared.runtime.settings import Settings
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"][:1])
        raise InvalidVariable(f"PORTAL_{name.upper()} is not valid: {first['msg']}") from error
    except SettingsError as error:
        raise InvalidVariable(f"An environment variable is not valid: {error}") from error


@contextmanager
def exit_without_instance() -> Generator[None]:
    """Ends the command if no instance runs (exit code 3) or a variable is not valid (2)."""
    try:
        yield
    except NoInstance as error:
        raise fail(str(error), EXIT_UNREACHABLE) from error
    except InvalidVariable as error:
        raise fail(str(error), EXIT_USAGE) from error


@contextmanager
def exit_if_unreachable(service: str) -> Generator[None]:
    """Ends the command with exit code 3 if no instance runs or the service does not respond."""
    import httpx

    with exit_without_instance():
        try:
            yield
        except httpx.HTTPStatusError as error:
            reason = _detail(error.response)
            raise fail(f"The {service} service refused: {reason}", EXIT_UNREACHABLE) from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError) as error:
            reason = str(error) or repr(error)
            raise fail(f"{unreachable(service)}: {reason}", EXIT_UNREACHABLE) from error


def _detail(response: httpx.Response) -> str:
    """Returns the reason in a problem detail (RFC 9457), or the status."""
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP status {response.status_code}"
