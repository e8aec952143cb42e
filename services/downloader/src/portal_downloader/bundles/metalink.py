"""Metalink (RFC 5854) of files of a dataset: names, sizes, checksums and URLs."""

from collections.abc import Callable, Iterable, Iterator
from xml.sax.saxutils import escape

from portal_shared.contracts.file_urls import folder_name
from portal_shared.contracts.outside_names import outside_path

from portal_downloader.bundles.bagit import DatasetInfo, Member

MEDIA_TYPE = "application/metalink4+xml"
_BEGINS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<metalink xmlns="urn:ietf:params:xml:ns:metalink">\n'
    "  <generator>human-organs-portal</generator>\n"
)


def metalink(
    info: DatasetInfo, members: Iterable[Member], address: Callable[[str], str]
) -> Iterator[str]:
    """Yields the lines; the files are below a folder that has the name of the dataset."""
    root = folder_name(info.pid)
    identity = escape(info.doi or info.pid, {'"': "&quot;"})
    yield _BEGINS
    for member in members:
        name = escape(f"{root}/{outside_path(member.location)}", {'"': "&quot;"})
        yield (
            f'  <file name="{name}">\n'
            f"    <identity>{identity}</identity>\n"
            f"    <size>{member.size}</size>\n"
            f'    <hash type="sha-256">{member.sha256}</hash>\n'
            f'    <url priority="1">{escape(address(member.location))}</url>\n'
            "  </file>\n"
        )
    yield "</metalink>\n"
