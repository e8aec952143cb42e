"""What files know of themselves, by the libraries made for their formats: headers only."""

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
IMAGE = 2  # axes
_CENTIMETRE, _INCH = 3, 2  # TIFF's ResolutionUnit
MOST_FRAMES = 10**7  # that the XML of an OME-TIFF may claim: memory is taken for each
LONGEST_METADATA = 16_000_000  # bytes of JSON of a zarr


@dataclass(frozen=True)
class Facts:
    """Of one volume or image, axes in the order z, y, x; None where the format does not say."""

    format: str
    shape: tuple[int, ...]
    dtype: str
    voxel_um: tuple[float, ...] | None = None
    levels: int = 1


def reader(name: str) -> Callable[[Path], Facts | None] | None:
    """The function that reads the header of a file, or a folder, of that name."""
    lowered = name.lower()
    for endings, read in READERS.items():
        if lowered.endswith(endings):
            return read
    return None


def _zarr(path: Path) -> Facts | None:
    import zarr  # noqa: PLC0415  # slow to load, and only wanted for some folders

    _not_too_long(path)
    group = zarr.open_group(path, mode="r")
    attributes: Mapping[str, Any] = dict(group.attrs)
    found = attributes.get("ome", attributes).get("multiscales")
    if not found:
        return None
    levels = found[0]["datasets"]
    first = levels[0]["path"]
    if reason := path_problem(first):
        raise ValueError(f"its first level is none: {reason}")
    _not_too_long(path / first)
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
    return Facts("OME-Zarr", tuple(array.shape), str(array.dtype), voxel, len(levels))


def _not_too_long(folder: Path) -> None:
    for name in ("zarr.json", ".zgroup", ".zattrs", ".zarray"):
        file = folder / name
        if file.is_file() and file.stat().st_size > LONGEST_METADATA:
            raise ValueError(f"{name} has more than {LONGEST_METADATA} bytes")


def _tiff(path: Path) -> Facts | None:
    import tifffile  # noqa: PLC0415

    with tifffile.TiffFile(path) as file:
        pixels = _ome_pixels(file.ome_metadata) if file.is_ome and file.ome_metadata else None
        series = file.series[0]
        kind = "OME-TIFF" if file.is_ome else "TIFF"
        voxel = _imagej_voxel(file) if pixels is None else _ome_voxel(pixels)
        return Facts(kind, tuple(series.shape), str(series.dtype), voxel, len(series.levels))


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
    """What the XML says of the first image. Raises ValueError for what no file could hold."""
    from defusedxml import ElementTree  # noqa: PLC0415

    found = [e for e in ElementTree.fromstring(xml).iter() if e.tag.endswith("}Pixels")]
    frames = sum(math.prod(int(e.get(f"Size{axis}", "1")) for axis in "ZCT") for e in found)
    if frames > MOST_FRAMES:
        raise ValueError(f"its XML claims {frames} frames")
    return found[0] if found else None


def _ome_voxel(pixels: Any) -> tuple[float, ...] | None:
    sizes = [
        _um(float(size), pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        for axis in "ZYX"
        if (size := pixels.get(f"PhysicalSize{axis}"))
    ]
    return tuple(s for s in sizes if s) or None


def _jp2(path: Path) -> Facts | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of boxes it does not know
        import glymur  # noqa: PLC0415

        image = glymur.Jp2k(path)
        codestream = image.get_codestream()
    size = next(s for s in codestream.segment if s.marker_id == "SIZ")
    coding = next(s for s in codestream.segment if s.marker_id == "COD")
    signed, depth = size.signed[0], size.bitdepth[0]
    dtype = f"{'int' if signed else 'uint'}{8 if depth <= 8 else 16 if depth <= 16 else 32}"  # noqa: PLR2004
    return Facts("JPEG 2000", (size.ysiz, size.xsiz), dtype, None, coding.num_res + 1)


def _hdf5(path: Path) -> Facts | None:
    import h5py  # noqa: PLC0415

    largest: list[Any] = []

    def look(_name: str, item: Any) -> None:
        if (
            isinstance(item, h5py.Dataset)
            and item.ndim >= IMAGE
            and (not largest or item.size > largest[0].size)
        ):
            largest[:] = [item]

    with h5py.File(path, "r") as file:
        file.visititems(look)
        if not largest:
            return None
        found = largest[0]
        kind = "NeXus" if _nexus(file) else "HDF5"
        size = found.attrs.get("element_size_um")
        voxel = tuple(float(s) for s in size) if size is not None else None
        return Facts(kind, tuple(found.shape), str(found.dtype), voxel)


def _nexus(file: Any) -> bool:
    return any("NX_class" in item.attrs for item in (file, *file.values()))


def _um(value: float, unit: str) -> float | None:
    return value if unit in ("µm", MICROMETRE) else units.convert(value, unit, MICROMETRE)


READERS: dict[tuple[str, ...], Callable[[Path], Facts | None]] = {
    (".zarr",): _zarr,
    (".tif", ".tiff"): _tiff,
    (".jp2", ".j2k"): _jp2,
    (".h5", ".hdf5", ".nx", ".nxs"): _hdf5,
}
