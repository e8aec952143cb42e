"""What a request is answered: the bytes of files, one or zipped, or words about them."""

import json
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from urllib.parse import quote

from portal_local.icat.errors import IcatError, bad_parameter
from portal_local.icat.ids.selection import DataFile
from portal_local.icat.ids.storage import Shelf

_RANGE = re.compile(r"bytes=(\d+)-")
_EPOCH_OF_ZIP = (1980, 1, 1, 0, 0, 0)  # the same zip each time, so that a part of it fits


@dataclass(frozen=True, slots=True)
class Content:
    body: bytes
    type: str = "text/plain"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def text(cls, text: str) -> "Content":
        return cls(text.encode())

    @classmethod
    def json(cls, value: object, status: int = 200) -> "Content":
        return cls(json.dumps(value).encode(), "application/json", status)


def raw(shelf: Shelf, file: DataFile, name: str, wanted: str) -> Content:
    """The file as it is, from where the range begins."""
    body = _read(shelf, file)
    return _from(body, "application/octet-stream", name or file.name, wanted)


def zipped(
    shelf: Shelf, files: Iterable[DataFile], name: str, wanted: str, *, compress: bool
) -> Content:
    """The files in a zip, each below the names of what it belongs to."""
    packed = BytesIO()
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(packed, "w", method) as archive:
        for file in files:
            entry = "/".join(("ids", *(quote(part, safe=" ") for part in file.entry)))
            info = zipfile.ZipInfo(entry, _EPOCH_OF_ZIP)
            info.compress_type = method
            archive.writestr(info, _read(shelf, file))
    name = name or "data"
    name = name if name.endswith(".zip") else f"{name}.zip"
    return _from(packed.getvalue(), "application/zip", name, wanted)


def _read(shelf: Shelf, file: DataFile) -> bytes:
    path = shelf.path(file.location) if file.location else None
    if path is None:
        raise IcatError("NO_SUCH_OBJECT_FOUND", f"Datafile[id:{file.id}] has no content here")
    return path.read_bytes()


def _from(body: bytes, kind: str, name: str, wanted: str) -> Content:
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        "Accept-Ranges": "bytes",
    }
    if not wanted:
        return Content(body, kind, 200, headers)
    match = _RANGE.fullmatch(wanted)
    if match is None:
        raise bad_parameter(r"The range must match bytes=(\d+)-")
    start = int(match[1])
    return Content(body[start:], kind, 206 if start else 200, headers)
