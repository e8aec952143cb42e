"""Responses of IDS: text, JSON, the bytes of one file, or a zip of several."""

import json
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from urllib.parse import quote

from portal_local.icat.errors import IcatError, bad_parameter
from portal_local.icat.ids.selection import DataFile
from portal_local.icat.ids.storage import TieredStorage

_RANGE = re.compile(r"bytes=(\d+)-")
_ZIP_DATE = (
    1980,
    1,
    1,
    0,
    0,
    0,
)  # fixed, so that a zip is identical each time and ranges of it match


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


def file_content(storage: TieredStorage, file: DataFile, name: str, range_header: str) -> Content:
    """Returns the file unchanged, from the start of the range."""
    body = _read(storage, file)
    return _partial_content(body, "application/octet-stream", name or file.name, range_header)


def zip_content(
    storage: TieredStorage,
    files: Iterable[DataFile],
    name: str,
    range_header: str,
    *,
    compress: bool,
) -> Content:
    """Returns a zip of the files, with paths of facility, investigation, visit and dataset."""
    packed = BytesIO()
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(packed, "w", method) as archive:
        for file in files:
            entry = "/".join(("ids", *(quote(part, safe=" ") for part in file.entry)))
            info = zipfile.ZipInfo(entry, _ZIP_DATE)
            info.compress_type = method
            archive.writestr(info, _read(storage, file))
    name = name or "data"
    name = name if name.endswith(".zip") else f"{name}.zip"
    return _partial_content(packed.getvalue(), "application/zip", name, range_header)


def _read(storage: TieredStorage, file: DataFile) -> bytes:
    path = storage.path(file.location) if file.location else None
    if path is None:
        raise IcatError("NO_SUCH_OBJECT_FOUND", f"Datafile[id:{file.id}] has no content here")
    return path.read_bytes()


def _partial_content(body: bytes, kind: str, name: str, range_header: str) -> Content:
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        "Accept-Ranges": "bytes",
    }
    if not range_header:
        return Content(body, kind, 200, headers)
    match = _RANGE.fullmatch(range_header)
    if match is None:
        raise bad_parameter(r"The range must match bytes=(\d+)-")
    start = int(match[1])
    return Content(body[start:], kind, 206 if start else 200, headers)
