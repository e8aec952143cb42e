"""What this version needs on the broker: topology, policies, and a user for each service.

Limits are policies, because a policy can be changed while a queue is in use. Queues of older
versions have the limit of deliveries as an argument too; the lower of both holds.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from portal_shared.contracts.events import PRODUCED
from portal_shared.messaging import topology
from portal_shared.messaging.broker.settings import TopologySettings
from portal_shared.messaging.topology import Topology
from portal_shared.runtime.errors import Invalid

ANSWERS = r"amq\.gen-.*"  # exclusive queues of those who send jobs
DEFAULT_EXCHANGE = r"amq\.default"
NOTHING = "^$"
CLIENTS = ("cli", "sender")
BRIDGE_QUEUES = (  # of pyicat-plus, declared by RabbitMQ's STOMP plugin
    "icatIngest",
    "icatUpdateDatasetMetadata",
    "icatDataFiles",
    "icatArchiveRestoreStatus",
    "rescheduleInvestigation",
)
NO_LIMIT = 10**6  # of deliveries: RabbitMQ 4 has 20 by default, and listing dead letters counts
PRIORITY = 10  # of our policies: yours above it wins, and the plan says so


@dataclass(frozen=True)
class Policy:
    pattern: str  # regular expression of names of queues
    limits: dict[str, int]


@dataclass(frozen=True)
class Rights:
    """Regular expressions of what a user may do in the virtual host."""

    configure: str
    write: str
    read: str
    events: str = NOTHING  # routing keys of portal.events that the user may publish


@dataclass(frozen=True)
class Account:
    name: str
    password: str
    rights: Rights


@dataclass(frozen=True)
class Wanted:
    vhost: str
    topology: Topology
    policies: dict[str, Policy]
    accounts: tuple[Account, ...]


def wanted(settings: TopologySettings) -> Wanted:
    """Returns what the broker must have. Raises Invalid if addresses of users are not usable."""
    vhost = _vhost(settings.amqp_url.get_secret_value())
    found = Wanted(vhost, topology.wanted_topology(settings), policies(settings), ())
    accounts: list[Account] = []
    for client in (*topology.SERVICES, *CLIENTS):
        name = f"amqp_url_{client}"
        url = getattr(settings, name).get_secret_value()
        if url:
            rights = rights_of(client, esrf_bridge=settings.esrf_bridge)
            accounts.append(_account(f"PORTAL_{name.upper()}", url, vhost, rights))
    _check_users(accounts, settings)
    return Wanted(vhost, found.topology, found.policies, tuple(accounts))


def policies(settings: TopologySettings) -> dict[str, Policy]:
    """Returns the limits of queues: policies by their names."""
    services = "|".join(topology.SERVICES)
    return {
        "portal-work": Policy(
            rf"^({services})\.(?!dead$)",
            {
                "delivery-limit": settings.delivery_limit,
                "max-length": settings.queue_max_messages,
                "max-length-bytes": settings.queue_max_bytes,
            },
        ),
        "portal-dead": Policy(rf"^({services})\.dead$", {"delivery-limit": NO_LIMIT}),
    }


def rights_of(client: str, *, esrf_bridge: bool = False) -> Rights:
    """Returns what a service, or one of CLIENTS, needs on the broker and no more.

    A release may read all queues of its service, not only those that it knows: the release before
    is still running during an upgrade. Who sends a job or an answer writes to the default exchange,
    and so to any queue: RabbitMQ cannot limit that by queue. Since 4.3, who looks whether the queue
    of jobs exists needs some right on it.
    """
    if client in CLIENTS:
        write = f"^({DEFAULT_EXCHANGE}|{ANSWERS}|{re.escape(topology.JOBS)})$"
        dead = rf"({'|'.join(topology.SERVICES)})\.dead|" if client == "cli" else ""
        return Rights(f"^{ANSWERS}$", write, f"^({dead}{ANSWERS})$")
    events = [re.escape(event.key) for event in PRODUCED[client]]
    copies = [re.escape(topology.DEAD_LETTERS), rf"{re.escape(topology.RETRY_PREFIX)}.*"]
    exchanges = [*([re.escape(topology.EVENTS)] if events else []), *copies, DEFAULT_EXCHANGE]
    bridge = list(BRIDGE_QUEUES) if esrf_bridge and client == "ingest" else []
    return Rights(
        configure=_any(bridge),
        write=_any(exchanges),
        read=_any([rf"{client}\..*", *bridge]),
        events=_any(events),
    )


def _any(patterns: Sequence[str]) -> str:
    return f"^({'|'.join(patterns)})$" if patterns else NOTHING


def _account(variable: str, url: str, vhost: str, rights: Rights) -> Account:
    parts = urlsplit(url)
    if not parts.username or not parts.password:
        raise Invalid(f"{variable} has no user or password", field=variable)
    if _vhost(url) != vhost:
        raise Invalid(
            f"{variable} has the virtual host {_vhost(url)!r}, and PORTAL_AMQP_URL of the topology"
            f" {vhost!r}: all need the same",
            field=variable,
        )
    return Account(unquote(parts.username), unquote(parts.password), rights)


def _check_users(accounts: Sequence[Account], settings: TopologySettings) -> None:
    names = [account.name for account in accounts]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Invalid(f"PORTAL_AMQP_URL_*: several have the user {twice[0]!r}: give each its own")
    for url in (settings.amqp_management_url, settings.amqp_url):
        own = unquote(urlsplit(url.get_secret_value()).username or "")
        if own in names:
            raise Invalid(
                f"PORTAL_AMQP_URL_*: the user {own!r} is the one with which the topology is made;"
                " services need others"
            )


def _vhost(url: str) -> str:
    """Returns the virtual host of an AMQP address: "/" if it has none."""
    path: Any = urlsplit(url).path
    return unquote(path[1:]) or "/"
