"""A box of voxels as a file of its own: OME-TIFF, NRRD, or a zip of an OME-Zarr; blocking.

Nothing is compressed but the chunks of the zarr, so that the lengths of the others are known before
the first voxel is read.
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

CHUNK = 64
CLASSIC_TIFF = 4 * 10**9  # bytes, above it is a BigTIFF
SHORT = {
    "angstrom": "Å", "nanometer": "nm", "micrometer": "µm", "millimeter": "mm", "centimeter": "cm",
    "meter": "m",
}  # fmt: skip
OF_OME = frozenset({"u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8"})
OF_NRRD = {
    "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64", "i1": "int8", "i2": "int16",
    "i4": "int32", "i8": "int64", "f4": "float", "f8": "double",
}  # fmt: skip


class NotInThisFormat(ValueError):
    """The format has no such voxels."""


@dataclass(frozen=True)
class Container:
    """A file that can be sent from its beginning to its end."""

    media_type: str
    ending: str
    length: int | None  # where it is known
    portions: Callable[[], Iterator[bytes]]


@dataclass(frozen=True)
class Crop:
    """What is in it, and what it says of itself."""

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
    """One page for each z, with the size of voxels and the place of each plane as OME-XML."""
    if crop.code not in OF_OME:
        raise NotInThisFormat(f"OME-TIFF has no voxels of the type {crop.voxels.dtype}")
    head, tail = _tiff_around(crop)

    def portions() -> Iterator[bytes]:
        yield head
        yield from _raw(crop)
        yield tail

    return Container("image/tiff", ".ome.tif", len(head) + crop.bytes + len(tail), portions)


def _tiff_around(crop: Crop) -> tuple[bytes, bytes]:
    """What comes before the voxels and after them, as tifffile writes it around a hole."""
    z, y, x = crop.frame.scale
    units = [SHORT.get(unit, "pixel") for unit in crop.frame.units]
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
            file, ome=True, byteorder="<", bigtiff=crop.bytes > CLASSIC_TIFF
        ) as writer:
            place = writer.write(
                shape=crop.box.shape, dtype=crop.voxels.dtype, photometric="minisblack",
                metadata=metadata, returnoffset=True, software=False,
            )  # fmt: skip
        assert place is not None  # noqa: S101  # it was asked for
        start, _ = place  # of the first plane; the others follow it
        file.seek(0)
        head = file.read(start)
        file.seek(start + crop.bytes)
        return head, file.read()


def nrrd(crop: Crop) -> Container:
    if crop.code not in OF_NRRD:
        raise NotInThisFormat(f"NRRD has no voxels of the type {crop.voxels.dtype}")
    head = _nrrd_head(crop)

    def portions() -> Iterator[bytes]:
        yield head
        yield from _raw(crop)

    return Container("application/octet-stream", ".nrrd", len(head) + crop.bytes, portions)


def _nrrd_head(crop: Crop) -> bytes:
    """Axes from the fastest to the slowest: x, y, z."""
    x, y, z = (float(value) for value in reversed(crop.frame.scale))
    origin = ",".join(repr(float(value)) for value in reversed(crop.frame.offset))
    units = " ".join(f'"{unit}"' for unit in reversed(crop.frame.units))
    lines = [
        "NRRD0004",
        f"# {crop.about}",
        f"content: {crop.name}",
        f"type: {OF_NRRD[crop.code]}",
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
    return Container("application/zip", ".ome.zarr.zip", None, lambda: _zipped(crop))


def _zipped(crop: Crop) -> Iterator[bytes]:
    """The chunks of each row of chunks as soon as it is made."""
    made: dict[str, Any] = {}
    group = zarr.create_group(
        store=MemoryStore(made), zarr_format=3, attributes={"ome": _ome(crop)}
    )
    chunk: Shape = tuple(min(CHUNK, n) for n in crop.box.shape)  # type: ignore[assignment]
    array = group.create_array(
        "0", shape=crop.box.shape, dtype=crop.voxels.dtype, chunks=chunk, fill_value=0,
        compressors=ZstdCodec(level=1), dimension_names=("z", "y", "x"),
    )  # fmt: skip
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        at = 0
        for slab in crop.voxels.slabs(crop.box, depth=chunk[0]):
            _set(array, at, slab)
            at += len(slab)
            for name in sorted(made):
                archive.writestr(zipfile.ZipInfo(name), made.pop(name).to_bytes())
            yield sink.taken()
    yield sink.taken()


def _set(array: Any, at: int, slab: Slab) -> None:
    array[at : at + len(slab)] = slab


def _ome(crop: Crop) -> dict[str, Any]:
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
    """Keeps what is written until it is taken; cannot go back."""

    def __init__(self) -> None:
        self._kept: list[bytes] = []

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, data: Any) -> int:
        self._kept.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        taken = b"".join(self._kept)
        self._kept.clear()
        return taken


FORMATS: dict[str, Callable[[Crop], Container]] = {"tiff": tiff, "nrrd": nrrd, "zarr": zarr_zip}
