"""How much one reader may be waiting for, and who counts as one. Pure but for its key.

Readers have no account: one is a network, known by a keyed digest that tells nothing of it.
"""

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass

from portal_shared.runtime.errors import Invalid, TooMany

SITES = {4: 32, 6: 64}  # bits of an address that one reader has


def requester(host: str | None, key: bytes) -> str:
    """A name for a reader: the same for the same network, and of no use to anybody else."""
    try:
        address = ipaddress.ip_address(host or "")
        network = str(ipaddress.ip_network((address, SITES[address.version]), strict=False))
    except ValueError:
        network = "nowhere"
    return hmac.new(key, network.encode(), hashlib.sha256).hexdigest()[:16]


@dataclass(frozen=True)
class Waiting:
    """What a reader has asked for that is not here yet."""

    downloads: int = 0
    files: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Allowance:
    downloads: int
    files: int
    bytes: int

    def judge(self, waiting: Waiting, *, files: int, size: int) -> None:
        """Raises TooMany, saying how much there is and what may help, or Invalid: nothing will."""
        for name, has, more, most in (
            ("downloads", waiting.downloads, 1, self.downloads),
            ("files", waiting.files, files, self.files),
            ("bytes", waiting.bytes, size, self.bytes),
        ):
            if more > most:
                raise Invalid(
                    f"{more} {name} are asked for, at most {most} may be on their way to one"
                    " reader: ask for less",
                    field="files",
                )
            if has + more > most:
                raise TooMany(
                    f"you are waiting for {has} {name} and ask for {more} more; at most {most} may"
                    " be on their way to one reader: wait for some, cancel some, or ask for less"
                )
