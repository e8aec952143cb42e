"""Media types of the files of a dataset, by name. Pure: the machine's own tables do not matter."""

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
    name = location.rpartition("/")[2]
    return TYPES.get(
        name.rpartition(".")[2].lower() if "." in name else "", "application/octet-stream"
    )


def is_active(kind: str) -> bool:
    """A browser would run it as a page of ours: offered for saving instead."""
    return kind.partition(";")[0] in ACTIVE
