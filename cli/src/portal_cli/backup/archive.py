"""The file of a backup: a tar with gzip of parts of collections, and a manifest as its last member.

A part is a sequence of BSON documents, `<database>/<collection>/<number>.bson`. Parts are small:
neither writing nor reading holds more than one of them in memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tarfile
import time
import zlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

MANIFEST = "manifest.json"
FORMAT = 1  # of the archive; readers refuse newer ones
MAX_MANIFEST_BYTES = 64 * 2**20
MAX_PART_BYTES = 32 * 2**20  # more than a writer makes: a document of MongoDB has at most 16 MiB


class DamagedArchive(Exception):
    """The file is no complete backup. The message says what is wrong."""


@dataclass(frozen=True)
class Part:
    """A member of the archive with documents of one collection."""

    name: str
    documents: int
    sha256: str

    @property
    def database(self) -> str:
        return self.name.split("/")[0]

    @property
    def collection(self) -> str:
        return self.name.split("/")[1]


@dataclass
class Manifest:
    """What an archive contains."""

    portal: str  # the version of the command that made it
    created_at: str
    is_snapshot: bool  # each database is as it was at one moment
    parts: list[Part] = field(default_factory=list[Part])
    format: int = FORMAT

    def counts(self) -> dict[str, int]:
        """Returns the number of documents by `<database>.<collection>`."""
        found: dict[str, int] = {}
        for part in self.parts:
            name = f"{part.database}.{part.collection}"
            found[name] = found.get(name, 0) + part.documents
        return found


class ArchiveWriter:
    """Writes an archive beside its final place; it is there when it is complete."""

    def __init__(self, tar: tarfile.TarFile, manifest: Manifest) -> None:
        self._tar = tar
        self.manifest = manifest

    def add(self, database: str, collection: str, number: int, documents: list[bytes]) -> None:
        """Adds documents of a collection as a part."""
        content = b"".join(documents)
        name = f"{database}/{collection}/{number:06d}.bson"
        self._add(name, content)
        digest = hashlib.sha256(content).hexdigest()
        self.manifest.parts.append(Part(name, len(documents), digest))

    def finish(self) -> None:
        """Adds the manifest, which makes the archive complete."""
        self._add(MANIFEST, json.dumps(asdict(self.manifest), indent=1).encode())

    def _add(self, name: str, content: bytes) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mtime, entry.mode = len(content), int(time.time()), 0o600
        self._tar.addfile(entry, io.BytesIO(content))


@contextlib.contextmanager
def new_archive(path: Path, manifest: Manifest) -> Generator[ArchiveWriter]:
    """Yields a writer; the file has its name only if the block ends without an error.

    Only its owner can read it. Raises FileExistsError if there is a file of that name.
    """
    if path.exists():
        raise FileExistsError(f"{path} exists already; choose another name")
    partial = path.with_name(f"{path.name}.partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            with tarfile.open(fileobj=file, mode="w|gz") as tar:
                writer = ArchiveWriter(tar, manifest)
                yield writer
                writer.finish()
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def read_manifest(path: Path) -> Manifest:
    """Returns the manifest after comparing every part with it. Raises DamagedArchive."""
    found: dict[str, str] = {}
    last, content = "", b""
    for name, content in _members(path):
        last = name
        found[name] = hashlib.sha256(content).hexdigest()
    if last != MANIFEST:
        raise DamagedArchive(f"{path} has no {MANIFEST} at its end: the backup is not complete")
    del found[MANIFEST]
    manifest = _manifest(path, content)
    expected = {part.name: part.sha256 for part in manifest.parts}
    wrong = [name for name in {**expected, **found} if expected.get(name) != found.get(name)]
    if wrong:
        raise DamagedArchive(f"{path} is damaged: {wrong[0]} is not what was backed up")
    return manifest


def read_parts(path: Path, manifest: Manifest) -> Iterator[tuple[Part, list[bytes]]]:
    """Yields the parts with their documents, in the order of the archive.

    Raises DamagedArchive if a part is not what the manifest says.
    """
    parts = {part.name: part for part in manifest.parts}
    for name, content in _members(path):
        if name == MANIFEST:
            continue
        part = parts.get(name)
        if part is None or hashlib.sha256(content).hexdigest() != part.sha256:
            raise DamagedArchive(f"{path} is damaged: {name} is not what was backed up")
        documents = list(_documents(content))
        if len(documents) != part.documents:
            raise DamagedArchive(f"{path} is damaged: {name} has {len(documents)} documents")
        yield part, documents


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(path, mode="r|gz") as tar:
            for entry in tar:
                limit = MAX_MANIFEST_BYTES if entry.name == MANIFEST else MAX_PART_BYTES
                file = tar.extractfile(entry) if entry.size <= limit else None
                if file is None:
                    raise DamagedArchive(f"{path} is not a backup: {entry.name} is not a part")
                yield entry.name, file.read()
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
            raise
        raise DamagedArchive(f"{path} is not a complete backup: {error}") from error


def _manifest(path: Path, content: bytes) -> Manifest:
    try:
        fields: dict[str, Any] = json.loads(content)
        if fields["format"] > FORMAT:
            raise DamagedArchive(
                f"{path} was made by a newer version of the command ({fields['portal']}):"
                " restore it with that version"
            )
        parts = [Part(**part) for part in fields.pop("parts")]
        return Manifest(**fields, parts=parts)
    except (ValueError, LookupError, TypeError) as error:
        raise DamagedArchive(f"{path} has a manifest that cannot be read: {error!r}") from error


def _documents(content: bytes) -> Iterator[bytes]:
    """Splits BSON documents, each of which begins with its length."""
    start = 0
    while start < len(content):
        end = start + int.from_bytes(content[start : start + 4], "little")
        if end <= start or end > len(content):
            return
        yield content[start:end]
        start = end
