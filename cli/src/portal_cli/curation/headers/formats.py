"""The reader of each format, by the ending of the name of a file or folder."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from portal_cli.curation.headers.hdf5 import read_hdf5
from portal_cli.curation.headers.image import Header
from portal_cli.curation.headers.jpeg2000 import read_jpeg2000
from portal_cli.curation.headers.n5 import read_n5
from portal_cli.curation.headers.ome_zarr import read_zarr
from portal_cli.curation.headers.raster import read_edf, read_png
from portal_cli.curation.headers.tiff import read_tiff

Reader: TypeAlias = Callable[[Path], Header]
FOLDERS: dict[str, Reader] = {"zarr": read_zarr, "n5": read_n5}  # by the kind of logical file
FILES: dict[tuple[str, ...], Reader] = {
    (".tif", ".tiff", ".btf", ".tf8"): read_tiff,
    (".jp2", ".j2k", ".j2c", ".jpc", ".jpx"): read_jpeg2000,
    (".h5", ".hdf5", ".he5", ".nx", ".nxs"): read_hdf5,
    (".png",): read_png,
    (".edf",): read_edf,
}


def file_reader(name: str) -> Reader | None:
    """Returns the reader of files with such a name; None if the format has none."""
    lowered = name.lower()
    return next((read for endings, read in FILES.items() if lowered.endswith(endings)), None)
