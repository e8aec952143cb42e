"""Media types by the extension of a file name, independent of the system's tables."""

TYPES = {
    "json": "application/json",
    "zattrs": "application/json",
    "zarray": "application/json",
    "zgroup": "application/json",
    "zmetadata": "application/json",
    "txt": "text/plain; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "xml": "application/xml",
    "html": "text/html; charset=utf-8",
    "htm": "text/html; charset=utf-8",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "jp2": "image/jp2",
    "j2k": "image/j2c",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "gif": "image/gif",
    "nii": "application/x-nifti",
    "h5": "application/x-hdf5",
    "hdf5": "application/x-hdf5",
    "nxs": "application/x-hdf5",
    "gz": "application/gzip",
    "zip": "application/zip",
    "tar": "application/x-tar",
    "mp4": "video/mp4",
}
ACTIVE = ("text/html", "image/svg+xml", "application/xml", "application/pdf")


def media_type(location: str) -> str:
    """Returns the media type of a file."""
    name = location.rpartition("/")[2]
    return TYPES.get(
        name.rpartition(".")[2].lower() if "." in name else "", "application/octet-stream"
    )


def is_active(media_type_: str) -> bool:
    """Returns whether a browser would execute it as a page of the portal; it is then downloaded."""
    return media_type_.partition(";")[0] in ACTIVE
