"""Opens the volume that a logical file stands for."""

import re
from pathlib import Path
from typing import Any

from portal_shared import ngff

from portal_cli.curation.headers.image import Image
from portal_cli.curation.headers.json_file import read_json
from portal_cli.curation.logical_files import LogicalFile, slice_number
from portal_cli.curation.sources.axes import find_axes
from portal_cli.curation.sources.hdf5 import Hdf5Source
from portal_cli.curation.sources.jpeg2000 import Jpeg2000Slices
from portal_cli.curation.sources.n5 import N5Source
from portal_cli.curation.sources.stack import StackSource
from portal_cli.curation.sources.tiff import Page, TiffSlices, pages_of
from portal_cli.curation.sources.zarr import ZarrSource
from portal_cli.curation.volumes.stacks import missing_slices
from portal_cli.pyramid.plan import MAX_BLOCK_BYTES, MIB
from portal_cli.pyramid.source import Source, SourceFault

TIFF = ("TIFF", "OME-TIFF")
NUMBERED = re.compile(r"(.*)\[(\d+)\]")  # one of several images in a zarr group


def open_source(folder: Path, file: LogicalFile, image: Image) -> Source:
    """Returns the volume. Raises SourceFault for what cannot be read, with the reason."""
    source = _open(folder, file, image)
    if source.block_bytes > MAX_BLOCK_BYTES:
        reason = (
            f"is stored in blocks that need {source.block_bytes // MIB} MiB to be decoded, the"
            f" limit is {MAX_BLOCK_BYTES // MIB} MiB: write it with smaller chunks"
        )
        raise SourceFault(file.name or ".", reason)
    return source


def _open(folder: Path, file: LogicalFile, image: Image) -> Source:
    location = f"{file.name}/{image.part}".strip("/") or "."
    if file.kind == "stack":
        return _open_stack(folder, file, image)
    if file.kind == "zarr":
        return _open_zarr(folder, file, image)
    axes = find_axes(image, location)
    if file.kind == "n5":
        return N5Source(folder / file.name / image.part, location, axes)
    if image.format in TIFF:
        number = int(image.part.rpartition(" ")[2] or 0)
        pages, byteorder = pages_of(folder / file.name, file.name, number)
        return StackSource(TiffSlices(folder, pages, byteorder))
    if image.format in ("HDF5", "NeXus") and " parts " not in image.part:
        return Hdf5Source(folder / file.name, file.name, image.part, axes)
    raise SourceFault(location, _advice(image))


def _open_stack(folder: Path, file: LogicalFile, image: Image) -> Source:
    locations = sorted(file.files, key=lambda location: _slice_key(location, file.name))
    if missing := missing_slices(file.name, locations):
        location, reason = next(iter(missing.items()))
        raise SourceFault(location, reason)
    if image.format in TIFF:
        return StackSource(TiffSlices(folder, [Page(location) for location in locations]))
    if image.format == "JPEG 2000":
        _, height, width = find_axes(image, file.name).shape
        return StackSource(Jpeg2000Slices(folder, locations, (height, width), image.dtype))
    raise SourceFault(file.name, _advice(image))


def _slice_key(location: str, name: str) -> tuple[int, str]:
    found = slice_number(location, name)
    return (found[1] if found else 0, location)


def _open_zarr(folder: Path, file: LogicalFile, image: Image) -> Source:
    found = NUMBERED.fullmatch(image.part)
    part, number = (found[1], int(found[2])) if found else (image.part, 0)
    place = f"{file.name}/{part}".strip("/")
    if image.format == "OME-Zarr":
        level = ngff.multiscales(_attributes(folder / place))[number].levels[0]
        place = f"{place}/{level.path}".strip("/")
    return ZarrSource(folder / place, place, find_axes(image, place))


def _attributes(group: Path) -> Any:
    node = read_json(group / "zarr.json")
    return ngff.attributes(node if node is not None else read_json(group / ".zattrs") or {})


def _advice(image: Image) -> str:
    known = "stacks of TIFF or JPEG 2000, TIFF, HDF5, OME-Zarr, zarr and N5"
    shown = f"{image.format} {image.part}".strip()
    return f"is {shown}: a pyramid is made of {known}"
