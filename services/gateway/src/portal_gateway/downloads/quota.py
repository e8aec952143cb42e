"""Limits of pending downloads for each requester.

Readers have no account. A requester is a network, identified by a keyed digest of its address that
cannot be reversed.
"""

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass

from portal_shared.runtime.errors import Invalid, TooMany

NETWORK_BITS = {4: 32, 6: 64}  # of the address, by IP version, that identify one requester


def requester_id(host: str | None, key: bytes) -> str:
    """Returns the identifier of the network of this address."""
    try:
        address = ipaddress.ip_address(host or "")
        network = str(ipaddress.ip_network((address, NETWORK_BITS[address.version]), strict=False))
    except ValueError:
        network = "nowhere"
    return hmac.new(key, network.encode(), hashlib.sha256).hexdigest()[:16]


@dataclass(frozen=True)
class Pending:
    """What a requester is waiting for."""

    downloads: int = 0
    files: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Requested:
    """What a requester has requested within a day, whatever became of it."""

    downloads: int = 0
    listed: int = 0  # files that the requests name


@dataclass(frozen=True)
class DailyQuota:
    """Limits of what one requester leaves in the database. Files that are online count, too."""

    downloads: int
    listed: int

    def check(self, requested: Requested, *, listed: int) -> None:
        """Raises TooMany."""
        if requested.downloads >= self.downloads:
            raise TooMany(
                f"You requested {requested.downloads} downloads within a day; the limit is"
                f" {self.downloads}. Files that are online need no request."
            )
        if requested.listed + listed > self.listed:
            raise TooMany(
                f"Your requests of a day name {requested.listed} files, and this one {listed} more;"
                f" the limit is {self.listed}. Request a whole dataset without naming its files."
            )


@dataclass(frozen=True)
class Quota:
    downloads: int
    files: int
    bytes: int

    def check(self, pending: Pending, *, files: int, size: int) -> None:
        """Raises TooMany if it helps to wait, Invalid if the request alone exceeds a limit."""
        for name, waiting, more, limit in (
            ("downloads", pending.downloads, 1, self.downloads),
            ("files", pending.files, files, self.files),
            ("bytes", pending.bytes, size, self.bytes),
        ):
            if more > limit:
                raise Invalid(
                    f"the request has {more} {name}; the limit of one reader is {limit}."
                    " Request fewer files.",
                    field="files",
                )
            if waiting + more > limit:
                raise TooMany(
                    f"You have {waiting} {name} pending and requested {more} more; the limit is"
                    f" {limit}. Wait, cancel some, or request fewer."
                )
