"""Reads the header of a JPEG 2000 image: a file of boxes (JP2) or a codestream alone.

Source: ITU-T T.800, annex A (markers SIZ, COD, SOT) and annex I (boxes).
"""

import struct
import warnings
from pathlib import Path
from typing import Any

from portal_cli.curation.headers.image import (
    COLOUR,
    Axis,
    Header,
    Image,
    TornFile,
    micrometres,
)

MAX_TILE_PARTS = 1_000_000
COLOURS = 3
START_OF_TILE_PART = 0xFF90
TILE_PART = struct.Struct(">HHHI")  # SOT, length of the segment, tile, length of the tile part


def read_tile(path: Path) -> tuple[int, int]:
    """Returns the lengths of a tile along y and x. Raises OSError."""
    _, codestream = _read(path)
    size = _segment(codestream, "SIZ")
    return size.ytsiz, size.xtsiz


def _read(path: Path) -> tuple[Any, Any]:
    """Returns the image and its codestream, of which only the header is read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # glymur warns of unknown boxes
        import glymur  # noqa: PLC0415  # slow to import

        untyped: Any = glymur
        image = untyped.Jp2k(path)
        return image, image.get_codestream()


def _segment(codestream: Any, marker: str) -> Any:
    return next(s for s in codestream.segment if s.marker_id == marker)


def read_jpeg2000(path: Path) -> Header:
    """Returns the image. Raises TornFile if the file ends before its last tile."""
    image, codestream = _read(path)
    size = _segment(codestream, "SIZ")
    coding = _segment(codestream, "COD")
    last = codestream.segment[-1]
    _check_length(path, last.offset + last.length + 2)
    signed, depth = size.signed[0], size.bitdepth[0]
    dtype = f"{'int' if signed else 'uint'}{8 if depth <= 8 else 16 if depth <= 16 else 32}"  # noqa: PLR2004
    steps = _steps(image.box)
    axes = [
        Axis("y", size.ysiz - size.yosiz, steps[0]),
        Axis("x", size.xsiz - size.xosiz, steps[1]),
    ]
    if len(size.bitdepth) >= COLOURS:
        axes.append(Axis(COLOUR, len(size.bitdepth)))
    return Header((Image("JPEG 2000", dtype, tuple(axes), coding.num_res + 1),))


def _steps(boxes: Any) -> tuple[float | None, float | None]:
    """Returns the steps along y and x of the capture resolution, which is in points per metre."""
    for box in boxes or ():
        if box.box_id == "resc":
            vertical, horizontal = box.vertical_resolution, box.horizontal_resolution
            return (
                micrometres(1 / vertical, "m") if vertical else None,
                micrometres(1 / horizontal, "m") if horizontal else None,
            )
        if (found := _steps(getattr(box, "box", None))) != (None, None):
            return found
    return None, None


def _check_length(path: Path, position: int) -> None:
    """Follows the tile parts from `position`, the end of the main header."""
    end = path.stat().st_size
    with path.open("rb") as file:
        for _ in range(MAX_TILE_PARTS):
            file.seek(position)
            head = file.read(TILE_PART.size)
            if len(head) < TILE_PART.size:
                break
            marker, _, _, length = TILE_PART.unpack(head)
            if marker != START_OF_TILE_PART or length == 0:  # 0: up to the end of the codestream
                return
            position += length
            if position > end:
                raise TornFile(f"it is cut off: a tile ends at byte {position}, the file has {end}")
    if position >= end:  # there is no marker at its end
        raise TornFile("it is cut off: its codestream does not end")
