"""Which network addresses are public. Only these are called on behalf of readers.

Sources: the registries of special-purpose addresses of IANA (RFC 6890), RFC 6052 (NAT64),
RFC 7526 (6to4 is obsolete).
"""

import ipaddress
from ipaddress import IPv4Address, IPv6Address, IPv6Network

GLOBAL_UNICAST = IPv6Network("2000::/3")  # all that is assigned to the public internet
NAT64 = IPv6Network("64:ff9b::/96")  # the last 32 bits are an IPv4 address
CLOSED_NETWORKS = (
    IPv6Network("2001::/23"),  # protocols, among them Teredo, which embeds IPv4
    IPv6Network("2002::/16"),  # 6to4, which embeds IPv4
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("3fff::/20"),  # documentation
    ipaddress.IPv4Network("192.0.0.0/24"),  # protocols; Python's own table depends on its version
    ipaddress.IPv4Network("192.88.99.0/24"),  # relays of 6to4
)
ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # bits 64 to 95; the last 32 bits are an IPv4 address


def is_public(address: str) -> bool:
    """Returns whether this is an address of one host on the public internet.

    An IPv6 address that stands for an IPv4 address is judged by that one. Raises ValueError if it
    is not an address.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        embedded = _embedded(found)
        if embedded is not None:
            return is_public(str(embedded))
        if found not in GLOBAL_UNICAST:
            return False
    if any(found in network for network in CLOSED_NETWORKS if network.version == found.version):
        return False
    return found.is_global and not found.is_multicast


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Returns the IPv4 address that packets to this address reach, or None."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    number = int(address)
    if address in NAT64 or (number >> 32) & 0xFFFF_FFFF in ISATAP:
        return IPv4Address(number & 0xFFFF_FFFF)
    return None
