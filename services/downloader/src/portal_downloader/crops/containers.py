"""Writes a box of voxels as OME-TIFF, NRRD, or a zip of an OME-Zarr. Blocking.

Only the chunks of the zarr are compressed, so that the lengths of the other formats are known
before the first voxel is read.
"""

import io
import tempfile
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import tifffile
import zarr
from typing_extensions import override
from zarr.codecs import ZstdCodec
from zarr.storage import MemoryStore

from portal_downloader.crops.box import Box, Frame, Shape
from portal_downloader.crops.voxels import Slab, Voxels

CHUNK_SIZE = 64
MAX_CLASSIC_TIFF_BYTES = 4 * 10**9  # bytes, above it is a BigTIFF
UNIT_SYMBOLS = {
    "angstrom": "Å", "nanometer": "nm", "micrometer": "µm", "millimeter": "mm", "centimeter": "cm",
    "meter": "m",
}  # fmt: skip
OME_TYPES = frozenset({"u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8"})
NRRD_TYPES = {
    "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64", "i1": "int8", "i2": "int16",
    "i4": "int32", "i8": "int64", "f4": "float", "f8": "double",
}  # fmt: skip


class UnsupportedVoxelType(ValueError):
    """The format cannot store voxels of this type."""


@dataclass(frozen=True)
class Container:
    """A file that is generated from beginning to end."""

    media_type: str
    ending: str
    length: int | None  # None if unknown in advance
    portions: Callable[[], Iterator[bytes]]


@dataclass(frozen=True)
class Crop:
    """Content and description of a cropped file."""

    voxels: Voxels
    box: Box
    frame: Frame  # of the box
    name: str
    about: str

    @property
    def code(self) -> str:
        return self.voxels.dtype.str[1:]

    @property
    def bytes(self) -> int:
        return self.box.voxels * self.voxels.dtype.itemsize


def tiff(crop: Crop) -> Container:
    """Returns an OME-TIFF with a page for each z, and voxel size and positions as OME-XML."""
    if crop.code not in OME_TYPES:
        raise UnsupportedVoxelType(f"OME-TIFF has no voxels of the type {crop.voxels.dtype}")
    header, trailer = _tiff_head_and_tail(crop)

    def portions() -> Iterator[bytes]:
        slabs = _raw(crop)
        first = next(slabs)  # an error is reported before anything is sent
        yield header
        yield first
        yield from slabs
        yield trailer

    return Container("image/tiff", ".ome.tif", len(header) + crop.bytes + len(trailer), portions)


def _tiff_head_and_tail(crop: Crop) -> tuple[bytes, bytes]:
    """Returns the bytes before and after the voxels, as tifffile writes them around a gap."""
    z, y, x = crop.frame.scale
    units = [UNIT_SYMBOLS.get(unit, "pixel") for unit in crop.frame.units]
    planes = crop.box.shape[0]
    offset = crop.frame.offset
    metadata: dict[str, Any] = {
        "axes": "ZYX",
        "Name": crop.name,
        "Description": crop.about,
        "UUID": str(uuid.uuid5(uuid.NAMESPACE_URL, crop.name)),
        "PhysicalSizeZ": z, "PhysicalSizeZUnit": units[0],
        "PhysicalSizeY": y, "PhysicalSizeYUnit": units[1],
        "PhysicalSizeX": x, "PhysicalSizeXUnit": units[2],
        "Plane": {
            "PositionZ": [offset[0] + n * z for n in range(planes)],
            "PositionZUnit": [units[0]] * planes,
            "PositionY": [offset[1]] * planes, "PositionYUnit": [units[1]] * planes,
            "PositionX": [offset[2]] * planes, "PositionXUnit": [units[2]] * planes,
        },
    }  # fmt: skip
    with tempfile.NamedTemporaryFile() as file:
        with tifffile.TiffWriter(
            file, ome=True, byteorder="<", bigtiff=crop.bytes > MAX_CLASSIC_TIFF_BYTES
        ) as writer:
            place = writer.write(
                shape=crop.box.shape, dtype=crop.voxels.dtype, photometric="minisblack",
                metadata=metadata, returnoffset=True, software=False,
            )  # fmt: skip
        assert place is not None  # noqa: S101  # because of returnoffset
        start, _ = place  # of the first plane; the others follow it
        file.seek(0)
        header = file.read(start)
        file.seek(start + crop.bytes)
        return header, file.read()


def nrrd(crop: Crop) -> Container:
    """Returns an NRRD file with an attached header."""
    if crop.code not in NRRD_TYPES:
        raise UnsupportedVoxelType(f"NRRD has no voxels of the type {crop.voxels.dtype}")
    head = _nrrd_head(crop)

    def portions() -> Iterator[bytes]:
        slabs = _raw(crop)
        first = next(slabs)  # an error is reported before anything is sent
        yield head
        yield first
        yield from slabs

    return Container("application/octet-stream", ".nrrd", len(head) + crop.bytes, portions)


def _nrrd_head(crop: Crop) -> bytes:
    """Returns the header; axes are in the order x, y, z (fastest first)."""
    x, y, z = (float(value) for value in reversed(crop.frame.scale))
    origin = ",".join(repr(float(value)) for value in reversed(crop.frame.offset))
    units = " ".join(f'"{unit}"' for unit in reversed(crop.frame.units))
    lines = [
        "NRRD0004",
        f"# {crop.about}",
        f"content: {crop.name}",
        f"type: {NRRD_TYPES[crop.code]}",
        "dimension: 3",
        "space dimension: 3",
        f"sizes: {' '.join(str(n) for n in reversed(crop.box.shape))}",
        f"space directions: ({x!r},0,0) (0,{y!r},0) (0,0,{z!r})",
        "kinds: domain domain domain",
        "endian: little",
        "encoding: raw",
        f"space units: {units}",
        f"space origin: ({origin})",
    ]
    return ("\n".join(line.replace("\n", " ") for line in lines) + "\n\n").encode()


def _raw(crop: Crop) -> Iterator[bytes]:
    for slab in crop.voxels.slabs(crop.box):
        yield slab.tobytes()


def zarr_zip(crop: Crop) -> Container:
    """Returns a zip of an OME-Zarr 0.5; its length is unknown because chunks are compressed."""
    return Container("application/zip", ".ome.zarr.zip", None, lambda: _zipped(crop))


def _zipped(crop: Crop) -> Iterator[bytes]:
    """Yields the chunks of each row of chunks as soon as it is written."""
    stored: dict[str, Any] = {}
    group = zarr.create_group(
        store=MemoryStore(stored), zarr_format=3, attributes={"ome": _ome(crop)}
    )
    chunk: Shape = tuple(min(CHUNK_SIZE, n) for n in crop.box.shape)  # type: ignore[assignment]
    array = group.create_array(
        "0", shape=crop.box.shape, dtype=crop.voxels.dtype, chunks=chunk, fill_value=0,
        compressors=ZstdCodec(level=1), dimension_names=("z", "y", "x"),
    )  # fmt: skip
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        position = 0
        for slab in crop.voxels.slabs(crop.box, depth=chunk[0]):
            _set(array, position, slab)
            position += len(slab)
            for name in sorted(stored):
                archive.writestr(zipfile.ZipInfo(name), stored.pop(name).to_bytes())
            yield sink.take()
    yield sink.take()


def _set(array: Any, at: int, slab: Slab) -> None:
    array[at : at + len(slab)] = slab


def _ome(crop: Crop) -> dict[str, Any]:
    """Returns the OME-NGFF metadata of the group."""
    axes = zip("zyx", crop.frame.units, strict=True)
    return {
        "version": "0.5",
        "multiscales": [
            {
                "name": crop.name,
                "axes": [{"name": a, "type": "space", "unit": unit} for a, unit in axes],
                "datasets": [
                    {
                        "path": "0",
                        "coordinateTransformations": [
                            {"type": "scale", "scale": list(crop.frame.scale)},
                            {"type": "translation", "translation": list(crop.frame.offset)},
                        ],
                    }
                ],
                "metadata": {"description": crop.about},
            }
        ],
    }


class _Sink(io.RawIOBase):
    """A write-only stream that buffers what is written until it is taken."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken = b"".join(self._written)
        self._written.clear()
        return taken


FORMATS: dict[str, Callable[[Crop], Container]] = {"tiff": tiff, "nrrd": nrrd, "zarr": zarr_zip}
