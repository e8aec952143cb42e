"""Reads shape, type and voxel size from file headers: OME-Zarr, TIFF, JPEG 2000, HDF5."""

# h5py, glymur, tifffile and zarr are typed only in part.
# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal_shared import units
from portal_shared.validation.rules import path_problem

MICROMETRE = "um"
IMAGE_AXES = 2
MAX_FRAMES = 10**7  # in the XML of an OME-TIFF: reading allocates memory for each frame
MAX_METADATA_BYTES = 16_000_000  # of a JSON file in a zarr


@dataclass(frozen=True)
class FileHeader:
    """Header of a volume or image. Axes are in the order z, y, x; None: not in the header."""

    format: str
    shape: tuple[int, ...]
    dtype: str
    voxel_um: tuple[float, ...] | None = None
    levels: int = 1


def header_reader(name: str) -> Callable[[Path], FileHeader | None] | None:
    """Returns the function that reads headers of files (or zarr folders) with such a name."""
    lowered = name.lower()
    for suffixes, read in READERS.items():
        if lowered.endswith(suffixes):
            return read
    return None


def _read_zarr(path: Path) -> FileHeader | None:
    import zarr  # noqa: PLC0415  # slow to import, and needed for some folders only

    _check_metadata_size(path)
    group = zarr.open_group(path, mode="r")
    attributes: Mapping[str, Any] = dict(group.attrs)
    found = attributes.get("ome", attributes).get("multiscales")
    if not found:
        return None
    levels = found[0]["datasets"]
    first = levels[0]["path"]
    if reason := path_problem(first):
        raise ValueError(f"the path of its first level is not valid: {reason}")
    _check_metadata_size(path / first)
    array: Any = group[first]
    steps = levels[0].get("coordinateTransformations") or []
    scale = next((s["scale"] for s in steps if s.get("type") == "scale"), None)
    voxel = None
    if scale:
        axes = found[0].get("axes") or [{}] * len(scale)
        space = [
            _um(float(s), a.get("unit", "micrometer"))
            for s, a in zip(scale, axes, strict=True)
            if a.get("type", "space") == "space"
        ]
        voxel = tuple(s for s in space if s is not None) or None
    return FileHeader("OME-Zarr", tuple(array.shape), str(array.dtype), voxel, len(levels))


def _check_metadata_size(folder: Path) -> None:
    for name in ("zarr.json", ".zgroup", ".zattrs", ".zarray"):
        file = folder / name
        if file.is_file() and file.stat().st_size > MAX_METADATA_BYTES:
            raise ValueError(f"{name} is larger than {MAX_METADATA_BYTES} bytes")


def _read_tiff(path: Path) -> FileHeader | None:
    import tifffile  # noqa: PLC0415

    with tifffile.TiffFile(path) as file:
        pixels = _ome_pixels(file.ome_metadata) if file.is_ome and file.ome_metadata else None
        series = file.series[0]
        kind = "OME-TIFF" if file.is_ome else "TIFF"
        voxel = _imagej_voxel(file) if pixels is None else _ome_voxel(pixels)
        return FileHeader(kind, tuple(series.shape), str(series.dtype), voxel, len(series.levels))


def _imagej_voxel(file: Any) -> tuple[float, ...] | None:
    if file.is_imagej and (meta := file.imagej_metadata):
        page = file.pages[0].tags
        if meta.get("unit") in ("um", "µm", "\\u00B5m", "micron") and "XResolution" in page:
            x, y = (_rational(page[n].value) for n in ("XResolution", "YResolution"))
            spacing = meta.get("spacing")
            found = [float(spacing)] if spacing else []
            return (*found, 1 / y, 1 / x) if x and y else None
    return None


def _rational(value: Any) -> float:
    return value[0] / value[1] if value[1] else 0.0


def _ome_pixels(xml: str) -> Any:
    """Returns the Pixels element of the first image. Raises ValueError for too many frames."""
    from defusedxml import ElementTree  # noqa: PLC0415

    found = [e for e in ElementTree.fromstring(xml).iter() if e.tag.endswith("}Pixels")]
    frames = sum(math.prod(int(e.get(f"Size{axis}", "1")) for axis in "ZCT") for e in found)
    if frames > MAX_FRAMES:
        raise ValueError(f"its XML claims {frames} frames, the limit is {MAX_FRAMES}")
    return found[0] if found else None


def _ome_voxel(pixels: Any) -> tuple[float, ...] | None:
    sizes = [
        _um(float(size), pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        for axis in "ZYX"
        if (size := pixels.get(f"PhysicalSize{axis}"))
    ]
    return tuple(s for s in sizes if s) or None


def _read_jp2(path: Path) -> FileHeader | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # glymur warns of unknown boxes
        import glymur  # noqa: PLC0415

        image = glymur.Jp2k(path)
        codestream = image.get_codestream()
    size = next(s for s in codestream.segment if s.marker_id == "SIZ")
    coding = next(s for s in codestream.segment if s.marker_id == "COD")
    signed, depth = size.signed[0], size.bitdepth[0]
    dtype = f"{'int' if signed else 'uint'}{8 if depth <= 8 else 16 if depth <= 16 else 32}"  # noqa: PLR2004
    return FileHeader("JPEG 2000", (size.ysiz, size.xsiz), dtype, None, coding.num_res + 1)


def _read_hdf5(path: Path) -> FileHeader | None:
    import h5py  # noqa: PLC0415

    largest: list[Any] = []

    def find_largest(_name: str, item: Any) -> None:
        if (
            isinstance(item, h5py.Dataset)
            and item.ndim >= IMAGE_AXES
            and (not largest or item.size > largest[0].size)
        ):
            largest[:] = [item]

    with h5py.File(path, "r") as file:
        file.visititems(find_largest)
        if not largest:
            return None
        found = largest[0]
        kind = "NeXus" if _is_nexus(file) else "HDF5"
        size = found.attrs.get("element_size_um")
        voxel = tuple(float(s) for s in size) if size is not None else None
        return FileHeader(kind, tuple(found.shape), str(found.dtype), voxel)


def _is_nexus(file: Any) -> bool:
    return any("NX_class" in item.attrs for item in (file, *file.values()))


def _um(value: float, unit: str) -> float | None:
    return value if unit in ("µm", MICROMETRE) else units.convert(value, unit, MICROMETRE)


READERS: dict[tuple[str, ...], Callable[[Path], FileHeader | None]] = {
    (".zarr",): _read_zarr,
    (".tif", ".tiff"): _read_tiff,
    (".jp2", ".j2k"): _read_jp2,
    (".h5", ".hdf5", ".nx", ".nxs"): _read_hdf5,
}
