"""Media types of files by the extension of their name; the tables of the machine play no part."""

OCTET_STREAM = "application/octet-stream"
TYPES = {
    "json": "application/json",
    "zattrs": "application/json",
    "zarray": "application/json",
    "zgroup": "application/json",
    "zmetadata": "application/json",
    "txt": "text/plain",
    "log": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "py": "text/x-python",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "xml": "application/xml",
    "html": "text/html",
    "htm": "text/html",
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
    "bmp": "image/bmp",
    "webp": "image/webp",
    "nii": "application/x-nifti",
    "h5": "application/x-hdf5",
    "hdf5": "application/x-hdf5",
    "nxs": "application/x-hdf5",
    "gz": "application/gzip",
    "bz2": "application/x-bzip2",
    "xz": "application/x-xz",
    "zip": "application/zip",
    "tar": "application/x-tar",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
}


def media_type(location: str) -> str:
    """Returns the media type of a file without parameters such as charset."""
    name = location.rpartition("/")[2]
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    return TYPES.get(extension, OCTET_STREAM)
