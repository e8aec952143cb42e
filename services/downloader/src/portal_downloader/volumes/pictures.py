"""Pictures of planes: values to grey levels, WebP and PNG, thumbnails. Blocking.

NaN is drawn as black. The libraries take time to import, so that this module is imported only when
the first picture is drawn.
"""

import io
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from portal_downloader.volumes.slice_request import PictureFormat, Window

Plane: TypeAlias = NDArray[Any]
WEBP_QUALITY, WEBP_METHOD = 80, 0  # the quickest method; slower ones save a tenth of the bytes
PNG_COMPRESSION = 1
LOW_PERCENT, HIGH_PERCENT = 0.5, 99.5  # of the values, for a window that is not given
MAX_SAMPLES = 2**20  # of values, for their percentiles
BYTE_VALUES = 256
SQUARE_TOLERANCE = 0.002  # of a side: less is not seen in a picture of 500 pixels


def grey(plane: Plane, window: Window) -> NDArray[np.uint8]:
    """Returns grey levels: `low` and below is black, `high` and above white."""
    if plane.dtype == np.uint8 and window == Window(0, BYTE_VALUES - 1):
        return np.ascontiguousarray(plane, dtype=np.uint8)
    precise = np.float32 if plane.dtype.itemsize <= 4 and plane.dtype.kind != "f" else np.float64  # noqa: PLR2004
    with np.errstate(over="ignore", invalid="ignore"):
        found = plane.astype(precise)
        found -= precise(window.low)
        found *= precise((BYTE_VALUES - 1) / (window.high - window.low))
        np.nan_to_num(found, copy=False, nan=0.0, posinf=BYTE_VALUES, neginf=0.0)
        np.clip(found, 0, BYTE_VALUES - 1, out=found)
    return np.rint(found).astype(np.uint8)


def encode(picture: Image.Image, kind: PictureFormat) -> bytes:
    """Returns the bytes of a picture."""
    target = io.BytesIO()
    if kind == "webp":
        picture.save(target, "WEBP", quality=WEBP_QUALITY, method=WEBP_METHOD)
    else:
        picture.save(target, "PNG", compress_level=PNG_COMPRESSION)
    return target.getvalue()


def draw(plane: Plane, window: Window, size: int, pixel: tuple[float, float] | None) -> Image.Image:
    """Returns a picture of the plane; `pixel` is the height and width of its voxels.

    Lengths are true: voxels that are not square are stretched, along their longer side. A picture
    that is larger than `size` is reduced.
    """
    picture = Image.fromarray(grey(plane, window))
    columns, rows = _true_size(picture.size, pixel)
    longest = max(columns, rows)
    if longest > size:
        columns, rows = (max(1, round(n * size / longest)) for n in (columns, rows))
    if (columns, rows) == picture.size:
        return picture
    is_smaller = columns <= picture.width and rows <= picture.height
    how = Image.Resampling.BOX if is_smaller else Image.Resampling.BICUBIC
    return picture.resize((columns, rows), how)


def _true_size(voxels: tuple[int, int], pixel: tuple[float, float] | None) -> tuple[int, int]:
    """Returns columns and rows of square pixels, each as large as the shorter side of a voxel."""
    columns, rows = voxels
    if pixel is None:
        return columns, rows
    height, width = pixel
    side = min(height, width)
    if max(height, width) - side < SQUARE_TOLERANCE * side:
        return columns, rows
    return round(columns * width / side), round(rows * height / side)


def thumbnail(
    plane: Plane, window: Window, size: int, pixel: tuple[float, float] | None
) -> Image.Image:
    """Returns a black square with the whole plane inside; `pixel` is its height and width."""
    picture = Image.fromarray(grey(plane, window))
    height, width = pixel or (1.0, 1.0)
    extent = picture.width * width, picture.height * height
    columns, rows = (max(1, round(size * side / max(extent))) for side in extent)
    drawn = picture.resize((columns, rows), Image.Resampling.BICUBIC, reducing_gap=2.0)
    canvas = Image.new("L", (size, size))
    canvas.paste(drawn, ((size - columns) // 2, (size - rows) // 2))
    return canvas


def type_window(dtype: np.dtype[Any]) -> Window | None:
    """Returns all values of a type of one byte; None for others, of which few values occur."""
    if dtype.itemsize > 1 or dtype.kind not in "ui":
        return None
    limits = np.iinfo(dtype)
    return Window(float(limits.min), float(limits.max))


def computed_window(plane: Plane) -> Window:
    """Returns a window in which all but one percent of the values of a plane are distinguished."""
    values = plane.reshape(-1)
    values = values[:: max(1, values.size // MAX_SAMPLES)].astype(np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return Window(0.0, 1.0)
    low, high = (float(v) for v in np.percentile(values, (LOW_PERCENT, HIGH_PERCENT)))
    if not low < high or not np.isfinite(high - low):
        low, high = float(values.min()), float(values.max())
    if low < high and np.isfinite(high - low):
        return Window(low, high)
    step = max(1.0, abs(low) * 1e-3)
    return Window(low - step, low + step) if np.isfinite(low + step) else Window(-1.0, 1.0)
