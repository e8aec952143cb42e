"""Servers that are not started here because a variable has their address: are they reachable?"""

import socket
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from portal_local.launcher.ports import NotStarted

VARIABLES = (
    "PORTAL_AMQP_URL",
    "PORTAL_MONGO_URL",
    "PORTAL_MEILISEARCH_URL",
    "PORTAL_ICAT_URL",
    "PORTAL_DATACITE_URL",
    "PORTAL_TAPE_URL",
)
DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671, "mongodb": 27017, "http": 80, "https": 443}
BY_DNS = "mongodb+srv://"  # its hosts are in DNS records, which the driver reads
CONNECT_SECONDS = 5


def check_external_servers(environment: Mapping[str, str]) -> None:
    """Raises NotStarted with the first variable whose server accepts no connection."""
    for variable in VARIABLES:
        url = environment.get(variable)
        if url and not url.startswith(BY_DNS):
            _check(variable, url)


def _check(variable: str, url: str) -> None:
    where = f"{variable}={without_password(url)}"
    try:
        parts = urlsplit(url)
        places = [_place(host, parts.scheme) for host in _hosts(parts)]
    except (KeyError, ValueError) as error:
        raise NotStarted(
            f"{where} is not the address of a server: it must be like "
            "scheme://host:port. Correct or unset the variable"
        ) from error
    reasons = [reason for place in places if (reason := _failure(place))]
    if len(reasons) == len(places):
        raise NotStarted(
            f"{where} is not reachable ({reasons[0]}). Start that server, or unset the variable: "
            "then the portal starts its own"
        )


def without_password(url: str) -> str:
    """Returns the address without user, password and query."""
    before, at, after = url.partition("?")[0].rpartition("@")
    return f"{before.partition('//')[0]}//{after}" if at else after


def _hosts(parts: SplitResult) -> list[str]:
    return parts.netloc.rpartition("@")[2].split(",")  # MongoDB's may have several


def _place(host: str, scheme: str) -> tuple[str, int]:
    """Returns host and port. Raises KeyError or ValueError if they are invalid."""
    found = urlsplit(f"//{host}")
    if not found.hostname:
        raise ValueError(host)
    return found.hostname, found.port or DEFAULT_PORTS[scheme]


def _failure(place: tuple[str, int]) -> str | None:
    """Returns why no connection is accepted, or None."""
    try:
        socket.create_connection(place, CONNECT_SECONDS).close()
    except (OSError, UnicodeError) as error:
        return getattr(error, "strerror", None) or str(error) or type(error).__name__
    return None
