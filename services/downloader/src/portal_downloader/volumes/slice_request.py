"""A slice of a volume, parsed from the address and the query string. Axes are z, y, x."""

import math
import re
from dataclasses import dataclass
from typing import Literal

from portal_shared.runtime.errors import Invalid
from starlette.datastructures import QueryParams

PictureFormat = Literal["webp", "png"]
AXES = ("z", "y", "x")
FORMATS: tuple[PictureFormat, ...] = ("webp", "png")
MIDDLE = "mid"
DEFAULT_SIZE = 1024  # longest side of a picture in pixels
MAX_SIZE = 4096
MAX_DIGITS = 12
MAX_LEVEL_DIGITS = 3
SLICE_PARAMETERS = frozenset({"level", "window", "format", "size", "um", "volume", "v"})
THUMBNAIL_PARAMETERS = frozenset({"format", "volume", "v"})
VOLUME_PARAMETERS = frozenset({"volume"})
_NUMBER = re.compile(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,3})?", re.ASCII)


class InvalidSlice(Invalid):
    """The address or the parameters do not describe a slice of this volume."""

    status = 400


class SliceTooLarge(Invalid):
    """The slice has more pixels, or needs more data, than one request may have."""

    status = 413


@dataclass(frozen=True)
class Window:
    """The values shown as black and as white."""

    low: float
    high: float


@dataclass(frozen=True)
class SliceRequest:
    """Which plane is requested, and how it is drawn."""

    axis: str
    index: int | None  # of `level`, or of level 0 if no level is given; None: the middle
    um: float | None  # position along the axis, instead of an index
    level: int | None  # None: the finest level that is online and fits into `size`
    window: Window | None
    format: PictureFormat
    size: int | None  # longest side in pixels; None: not given
    volume: str | None
    version: str | None  # of the address, for caches


def check_names(query: QueryParams, known: frozenset[str]) -> None:
    """Raises InvalidSlice for parameters that are not known, or given twice."""
    for name in query:
        if name not in known:
            listed = ", ".join(sorted(known))
            raise InvalidSlice(f"is not known; there are {listed}", field=name[:100])
        if len(query.getlist(name)) > 1:
            raise InvalidSlice("given more than once", field=name)


def parse_slice(axis: str, position: str, query: QueryParams) -> SliceRequest:
    """Parses `slices/{axis}/{position}` and its query string. Raises InvalidSlice."""
    check_names(query, SLICE_PARAMETERS)
    if axis not in AXES:
        raise InvalidSlice(f"{axis[:40]!r} is not an axis: there are z, y and x", field="axis")
    um = _number(query["um"], "um") if "um" in query else None
    if um is not None and position != MIDDLE:
        raise InvalidSlice("cannot be given together with an index: use mid", field="um")
    level, window, size = query.get("level"), query.get("window"), query.get("size")
    return SliceRequest(
        axis=axis,
        index=None if position == MIDDLE else _whole(position, "index", MAX_DIGITS),
        um=um,
        level=None if level is None else _whole(level, "level", MAX_LEVEL_DIGITS),
        window=None if window is None else _window(window),
        format=parse_format(query),
        size=None if size is None else _size(size),
        volume=parse_volume(query),
        version=query.get("v"),
    )


def parse_format(query: QueryParams) -> PictureFormat:
    """Returns the format of the picture. Raises InvalidSlice."""
    found = query.get("format", FORMATS[0])
    if found not in FORMATS:
        raise InvalidSlice(f"unknown format; allowed are {', '.join(FORMATS)}", field="format")
    return found


def parse_volume(query: QueryParams) -> str | None:
    """Returns the location of the volume; None if it is not given."""
    found = query.get("volume")
    return None if found is None else found.strip("/")


def _whole(text: str, field: str, digits: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= digits):
        or_middle = " or mid" if field == "index" else ""
        raise InvalidSlice(f"{text[:40]!r} is not a number from 0 on{or_middle}", field=field)
    return int(text)


def _size(text: str) -> int:
    found = _whole(text, "size", MAX_DIGITS)
    if not 1 <= found <= MAX_SIZE:
        raise InvalidSlice(f"must be a number of pixels from 1 to {MAX_SIZE}", field="size")
    return found


def _number(text: str, field: str) -> float:
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise InvalidSlice(f"{text[:40]!r} is not a finite number", field=field)
    return float(text)


def _window(text: str) -> Window:
    """Parses LOW:HIGH. Raises InvalidSlice."""
    low, colon, high = text.partition(":")
    if not colon:
        raise InvalidSlice("must be two values such as 4096:57344 (black:white)", field="window")
    window = Window(_number(low, "window"), _number(high, "window"))
    if not window.low < window.high or not math.isfinite(window.high - window.low):
        raise InvalidSlice("the first value (black) must be below the second", field="window")
    return window
