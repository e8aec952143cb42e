"""Roles and formats of files in words."""

import re

from portal_shared.contracts.file_roles import CHECKSUMS, CONTAINER
from portal_shared.contracts.media_types import OCTET_STREAM, media_type

_ROLES = {
    "data": "Data",
    "level": "Levels of the volume",
    "preview": "Preview",
    "thumbnail": "Thumbnail",
    "metadata": "Metadata",
    "checksum": "Checksums",
}
_FORMATS = {
    "application/json": "JSON",
    "text/plain": "Text",
    "text/markdown": "Markdown",
    "text/csv": "CSV table",
    "text/tab-separated-values": "TSV table",
    "text/x-python": "Python",
    "application/yaml": "YAML",
    "application/xml": "XML",
    "text/html": "HTML",
    "image/svg+xml": "SVG image",
    "application/pdf": "PDF",
    "image/png": "PNG image",
    "image/jpeg": "JPEG image",
    "image/jp2": "JPEG 2000 image",
    "image/j2c": "JPEG 2000 image",
    "image/tiff": "TIFF image",
    "image/gif": "GIF image",
    "image/bmp": "BMP image",
    "image/webp": "WebP image",
    "application/x-nifti": "NIfTI volume",
    "application/x-hdf5": "HDF5",
    "application/gzip": "Gzip archive",
    "application/x-bzip2": "Bzip2 archive",
    "application/x-xz": "XZ archive",
    "application/zip": "ZIP archive",
    "application/x-tar": "TAR archive",
    "video/mp4": "MP4 video",
    "video/quicktime": "QuickTime video",
    "video/x-msvideo": "AVI video",
}
_CHUNKS = {"zarr": "Zarr chunk", "n5": "N5 block"}
_EXTENSION = re.compile(r"[^/.][^/]*\.([A-Za-z][A-Za-z0-9]{0,7})")
_TEXT_NAMES = re.compile(r"readme|licen[cs]e|changelog|authors", re.IGNORECASE)
OTHER_FORMAT = "Binary file"


def role_label(role: str, level: int | None) -> str:
    """Returns a role in words; of role `level` with its number, where one is given."""
    if role == "level" and level is not None:
        return f"Level {level}"
    return _ROLES.get(role, role)


def format_label(location: str) -> str:
    """Returns the format of the file at this location in words, by its name alone."""
    found = media_type(location)
    if found != OCTET_STREAM:
        return _FORMATS[found]
    *folders, name = location.split("/")
    for folder in reversed(folders):
        if container := CONTAINER.search(folder):
            return _CHUNKS[container[1].lower()]
    if CHECKSUMS.fullmatch(name) or _TEXT_NAMES.fullmatch(name):
        return _FORMATS["text/plain"]
    extension = _EXTENSION.fullmatch(name)
    return f"{extension[1].upper()} file" if extension else OTHER_FORMAT
