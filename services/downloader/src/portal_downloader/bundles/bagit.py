"""A bag (BagIt, RFC 8493) of files of a dataset: what lies in it besides them. Pure.

The manifest is the last entry, so that an archive that was cut short is seen to be.
"""

import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from portal_downloader.http.segments import Piece, Stored

LONG_AGO = datetime(1980, 1, 1, tzinfo=UTC)
DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\%]')
_ENDING = re.compile(r"[. ]$")


@dataclass(frozen=True, slots=True)
class Member:
    """A file that belongs to an answer."""

    location: str
    size: int
    sha256: str
    crc32: int | None = None  # known once its content has been here


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of an archive."""

    name: str
    content: Piece
    size: int
    sha256: str
    crc32: int | None


@dataclass(frozen=True)
class About:
    """What a bag says of its dataset."""

    pid: str
    title: str | None = None
    doi: str | None = None
    license: str | None = None
    created: datetime | None = None

    @property
    def moment(self) -> datetime:
        """The time that entries carry: the same for ever."""
        found = (self.created or LONG_AGO).astimezone(UTC).replace(microsecond=0)
        return max(found, LONG_AGO)


def folder_name(pid: str) -> str:
    """Of the folder that everything lies in; like that of `portal get`."""
    found = "".join(c if c.isalnum() or c in "._-" else "_" for c in pid)[:200]
    return found if found.strip(".") else "dataset"


def safe(location: str) -> str:
    """The location, with what not every file system takes written as %XX."""
    return "/".join(_safe_part(part) for part in location.split("/"))


def _safe_part(part: str) -> str:
    found = _UNSAFE.sub(lambda m: f"%{ord(m.group()):02X}", part)
    return _ENDING.sub(lambda m: f"%{ord(m.group()):02X}", found)


def manifest(members: Iterable[Member]) -> Iterator[str]:
    """manifest-sha256.txt, line by line."""
    return (f"{m.sha256}  data/{safe(m.location)}\n" for m in members)


def checksums(members: Iterable[Member]) -> Iterator[str]:
    """SHA256SUMS, as `sha256sum --check` reads it: a name that needs it is escaped."""
    for member in members:
        name = member.location.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        yield f"{'' if name == member.location else chr(92)}{member.sha256}  {name}\n"


def info(about: About, *, files: int, size: int) -> str:
    """bag-info.txt."""
    lines = {
        "External-Identifier": about.pid,
        "External-Description": about.title,
        "DOI": about.doi,
        "License": about.license,
        "Payload-Oxum": f"{size}.{files}",
    }
    return "".join(f"{k}: {' '.join(v.split())}\n" for k, v in lines.items() if v)


def bag(about: About, members: Sequence[Member]) -> list[Entry]:
    """All entries of an archive that unpacks to a bag."""
    root = folder_name(about.pid)
    told = info(about, files=len(members), size=sum(m.size for m in members)).encode()
    listed = "".join(manifest(members)).encode()
    return [
        made(f"{root}/bagit.txt", DECLARATION),
        made(f"{root}/bag-info.txt", told),
        *(
            Entry(f"{root}/data/{safe(m.location)}", Stored(m.sha256, m.size), m.size, m.sha256,
                  m.crc32)
            for m in members
        ),
        made(f"{root}/manifest-sha256.txt", listed),
    ]  # fmt: skip


def made(name: str, content: bytes) -> Entry:
    """An entry that is made here."""
    digest = hashlib.sha256(content).hexdigest()
    return Entry(name, content, len(content), digest, zlib.crc32(content))


def tag(kind: str, about: About, entries: Iterable[Entry]) -> str:
    """Strong: of all that the bytes of an archive follow from."""
    digest = hashlib.sha256(f"{kind} 1 {about.moment.isoformat()}\n".encode())
    for entry in entries:
        digest.update(f"{entry.sha256} {entry.size} {entry.name}\n".encode())
    return f'"{kind}-{digest.hexdigest()[:40]}"'
