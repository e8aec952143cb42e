"""BagIt (RFC 8493): members of a bag and manifests.

The manifest is the last entry, so that a truncated archive is recognised.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from portal_shared.contracts.file_urls import folder_name
from portal_shared.contracts.outside_names import manifest_path, outside_path

from portal_downloader.http.segments import Segment, StoredContent

EARLIEST_MOMENT = datetime(1980, 1, 1, tzinfo=UTC)
DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


@dataclass(frozen=True, slots=True)
class Member:
    """A file that belongs to a bundle."""

    location: str
    size: int
    sha256: str
    crc32: int | None = None  # known once the content was in the cache


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of an archive."""

    name: str
    content: Segment
    size: int
    sha256: str
    crc32: int | None


@dataclass(frozen=True)
class DatasetInfo:
    """Facts about the dataset that a bag records."""

    pid: str
    title: str | None = None
    doi: str | None = None
    license: str | None = None
    created: datetime | None = None

    @property
    def moment(self) -> datetime:
        """Returns the modification time of all entries, which never changes."""
        found = (self.created or EARLIEST_MOMENT).astimezone(UTC).replace(microsecond=0)
        return max(found, EARLIEST_MOMENT)


def manifest(members: Iterable[Member]) -> Iterator[str]:
    """Yields the lines of manifest-sha256.txt."""
    return (f"{m.sha256}  {payload_path(m.location)}\n" for m in members)


def payload_path(location: str) -> str:
    """Returns the path of a file in a bag, as its manifests write it."""
    return manifest_path(f"data/{outside_path(location)}")


def checksums(members: Iterable[Member]) -> Iterator[str]:
    """Yields the lines of SHA256SUMS, which `sha256sum --check` reads in the dataset's folder."""
    return (f"{m.sha256}  {outside_path(m.location)}\n" for m in members)


def bag_info(about: DatasetInfo, *, files: int, size: int) -> str:
    """Returns the content of bag-info.txt."""
    lines = {
        "External-Identifier": about.pid,
        "External-Description": about.title,
        "DOI": about.doi,
        "License": about.license,
        "Payload-Oxum": f"{size}.{files}",
    }
    return "".join(f"{k}: {' '.join(v.split())}\n" for k, v in lines.items() if v)


def bag_entries(about: DatasetInfo, members: Sequence[Member]) -> list[Entry]:
    """Returns all entries of an archive that unpacks to a bag."""
    root = folder_name(about.pid)
    info = bag_info(about, files=len(members), size=sum(m.size for m in members)).encode()
    manifest_text = "".join(manifest(members)).encode()
    return [
        generated_entry(f"{root}/bagit.txt", DECLARATION),
        generated_entry(f"{root}/bag-info.txt", info),
        *(
            Entry(
                f"{root}/data/{outside_path(m.location)}",
                StoredContent(m.sha256, m.size), m.size, m.sha256, m.crc32,
            )
            for m in members
        ),
        generated_entry(f"{root}/manifest-sha256.txt", manifest_text),
    ]  # fmt: skip


def generated_entry(name: str, content: bytes) -> Entry:
    """Returns an entry with this content."""
    digest = hashlib.sha256(content).hexdigest()
    return Entry(name, content, len(content), digest, zlib.crc32(content))


def bundle_etag(kind: str, about: DatasetInfo, entries: Iterable[Entry]) -> str:
    """Returns a strong entity tag of everything that the bytes of an archive depend on."""
    digest = hashlib.sha256(f"{kind} 1 {about.moment.isoformat()}\n".encode())
    for entry in entries:
        digest.update(f"{entry.sha256} {entry.size} {entry.name}\n".encode())
    return f'"{kind}-{digest.hexdigest()[:40]}"'
