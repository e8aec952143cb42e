"""Files of a dataset as a Metalink (RFC 5854): names, sizes, checksums, addresses. Pure."""

from collections.abc import Callable, Iterable, Iterator
from xml.sax.saxutils import escape

from portal_downloader.bundles.bagit import About, Member, folder_name, safe

MEDIA_TYPE = "application/metalink4+xml"
_BEGINS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<metalink xmlns="urn:ietf:params:xml:ns:metalink">\n'
    "  <generator>human-organs-portal</generator>\n"
)


def metalink(
    about: About, members: Iterable[Member], address: Callable[[str], str]
) -> Iterator[str]:
    """Line by line; names lie in a folder named like the dataset."""
    root = folder_name(about.pid)
    identity = escape(about.doi or about.pid, {'"': "&quot;"})
    yield _BEGINS
    for member in members:
        name = escape(f"{root}/{safe(member.location)}", {'"': "&quot;"})
        yield (
            f'  <file name="{name}">\n'
            f"    <identity>{identity}</identity>\n"
            f"    <size>{member.size}</size>\n"
            f'    <hash type="sha-256">{member.sha256}</hash>\n'
            f'    <url priority="1">{escape(address(member.location))}</url>\n'
            "  </file>\n"
        )
    yield "</metalink>\n"
