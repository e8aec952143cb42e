"""Reads the images (series) of a TIFF: plain, BigTIFF, OME, ImageJ, Micro-Manager.

The names of axes are those that tifffile finds. Other files that an OME-TIFF names are not opened.
"""

# tifffile is typed only in part.

import logging
import math
from collections.abc import Generator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from typing_extensions import override

from portal_cli.curation.headers.image import MAX_IMAGES, Axis, Header, Image, TornFile
from portal_cli.curation.headers.tiff_voxels import Steps, imagej_steps, ome_steps

MAX_FRAMES = 10**7  # in the XML of an OME-TIFF: reading allocates memory for each frame
MAX_CHECKED_PAGES = 200  # of a file with more pages, the first and the last are checked
NAMES = {"X": "x", "Y": "y", "Z": "z", "T": "t", "C": "c", "S": "s", "Q": "", "I": "", "U": ""}
TORN = ("invalid page offset", "invalid offset to page", "corrupted tag list")  # of tifffile


def read_tiff(path: Path) -> Header:
    """Returns the series of a file. Raises TornFile if it ends before its data."""
    import tifffile  # noqa: PLC0415  # slow to import

    with _log_records() as records, tifffile.TiffFile(path, _multifile=False) as file:
        pixels = _ome_pixels(file.ome_metadata) if file.is_ome and file.ome_metadata else []
        steps = [ome_steps(one) for one in pixels]
        found = list(islice(file.series, MAX_IMAGES))
        if not found:
            raise TornFile("it has no pages")
        if len(steps) != len(found):
            steps = [steps[0] if steps else _plain_steps(file)] * len(found)
        images = tuple(_image(file, s, one, n) for n, (s, one) in enumerate(zip(found, steps)))  # noqa: B905
        _check_length(file, path)
    if any(text in record for record in records for text in TORN):
        raise TornFile("it is cut off: the list of its pages ends early")
    return Header(images)


def _image(file: Any, series: Any, steps: Steps, number: int) -> Image:
    codes: list[str] = list(series.axes)
    names = [NAMES.get(code, code.lower()) for code in codes]
    axes = tuple(
        Axis(name, int(length), steps.get(name))
        for name, length in zip(names, series.shape, strict=True)
    )
    part = f"series {number}" if len(file.series) > 1 else ""
    kind = "OME-TIFF" if file.is_ome else "TIFF"
    return Image(kind, str(series.dtype), axes, len(series.levels), part)


def _plain_steps(file: Any) -> Steps:
    """Returns the steps of ImageJ or of another writer of the same keys.

    Tags of resolution without them are not used: they are often the density of a print.
    """
    tags = file.pages[0].tags
    density = [
        _rational(tags[n].value) if n in tags else 0.0 for n in ("XResolution", "YResolution")
    ]
    found: dict[str, Any] = (file.imagej_metadata or {}) if file.is_imagej else {}
    if not found and file.is_shaped and file.shaped_metadata:
        found = file.shaped_metadata[0]
    steps = imagej_steps(found, density[0], density[1])
    if not steps and file.is_micromanager:
        described: dict[str, Any] = file.micromanager_metadata or {}
        summary: dict[str, Any] = described.get("Summary") or {}
        steps = imagej_steps(
            {"unit": "um", "spacing": summary.get("z-step_um")}, *[_inverse(summary)] * 2
        )
    return steps


def _inverse(summary: Any) -> float:
    size = summary.get("PixelSize_um")
    return 1 / size if isinstance(size, int | float) and size > 0 else 0.0


def _rational(value: Any) -> float:
    return value[0] / value[1] if value[1] else 0.0


def _ome_pixels(xml: str) -> list[Any]:
    """Returns the Pixels elements of the images. Raises ValueError for too many frames."""
    from defusedxml import ElementTree  # noqa: PLC0415

    found = [e for e in ElementTree.fromstring(xml).iter() if e.tag.endswith("}Pixels")]
    frames = sum(math.prod(int(e.get(f"Size{axis}", "1")) for axis in "ZCT") for e in found)
    if frames > MAX_FRAMES:
        raise ValueError(f"its XML claims {frames} frames, the limit is {MAX_FRAMES}")
    return found


def _check_length(file: Any, path: Path) -> None:
    """Raises TornFile if data of the pages lie behind the end of the file."""
    count, size = len(file.pages), path.stat().st_size
    numbers = range(count) if count <= MAX_CHECKED_PAGES else (0, count - 1)
    ends = [_end(file.pages[number]) for number in numbers]
    first = file.series[0] if file.series else None
    if first is not None and first.dataoffset is not None:  # a stack of ImageJ has one page
        ends.append(first.dataoffset + first.nbytes)
    if max(ends, default=0) > size:
        raise TornFile(f"it is cut off: its data end at byte {max(ends)}, the file has {size}")


def _end(page: Any) -> int:
    pairs = zip(page.dataoffsets, page.databytecounts, strict=False)
    return max((offset + count for offset, count in pairs if offset), default=0)


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@contextmanager
def _log_records() -> Generator[list[str]]:
    """Collects what tifffile logs: some faults of a file raise nothing."""
    logger, handler = logging.getLogger("tifffile"), _Records()
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield handler.texts
    finally:
        logger.removeHandler(handler)
        logger.propagate = before
