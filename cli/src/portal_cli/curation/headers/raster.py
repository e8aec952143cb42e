"""Reads the headers of PNG and EDF images, the other formats of slices.

Sources: PNG, ISO/IEC 15948 (chunks IHDR and IEND); EDF, the header of ESRF (`Dim_1`, `Size`).
"""

import re
import struct
from pathlib import Path

from portal_cli.curation.headers.image import COLOUR, Axis, Header, Image, TornFile

PNG_HEAD = struct.Struct(">8s4x4sIIBB")  # signature, length, IHDR, width, height, depth, colours
PNG_END = b"IEND\xaeB`\x82"
MAX_TRAILER = 4096  # bytes that programs write behind the end of a PNG
PNG_COLOURS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
MAX_EDF_HEADER = 1 << 16
EDF_FIELD = re.compile(r"^\s*(\w+)\s*=\s*(.*?)\s*;", re.MULTILINE)
EDF_TYPES = {
    "signedbyte": "int8", "unsignedbyte": "uint8", "signedshort": "int16",
    "unsignedshort": "uint16", "signedinteger": "int32", "unsignedinteger": "uint32",
    "signedlong": "int32", "unsignedlong": "uint32", "floatvalue": "float32", "float": "float32",
    "real": "float32", "doublevalue": "float64",
}  # fmt: skip


def read_png(path: Path) -> Header:
    """Returns the image. Raises TornFile without the chunk at its end, ValueError if no PNG."""
    with path.open("rb") as file:
        head = file.read(PNG_HEAD.size)
        file.seek(max(0, path.stat().st_size - MAX_TRAILER))
        is_whole = PNG_END in file.read()
    if not head.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError("it is not a PNG file")
    if len(head) < PNG_HEAD.size or not is_whole:
        raise TornFile("it is cut off: the last chunk of a PNG file is missing")
    _, _, width, height, depth, colours = PNG_HEAD.unpack(head)
    axes = [Axis("y", height), Axis("x", width)]
    if PNG_COLOURS.get(colours, 1) >= 3:  # noqa: PLR2004
        axes.append(Axis(COLOUR, PNG_COLOURS[colours]))
    return Header((Image("PNG", "uint16" if depth == 16 else "uint8", tuple(axes)),))  # noqa: PLR2004


def read_edf(path: Path) -> Header:
    """Returns the first image of an EDF file. Raises TornFile if its data are not complete."""
    with path.open("rb") as file:
        head = file.read(MAX_EDF_HEADER)
    end = head.find(b"}\n")
    if not head.lstrip().startswith(b"{"):
        raise ValueError("it is not an EDF file")
    if end < 0:
        raise TornFile("it is cut off: its header has no end")
    text = head[:end].decode("latin-1")
    fields = {name.lower(): value for name, value in EDF_FIELD.findall(text)}
    axes = [
        Axis(name, int(fields[f"dim_{number}"]))
        for number, name in ((3, "z"), (2, "y"), (1, "x"))
        if fields.get(f"dim_{number}", "").isdecimal()
    ]
    size = fields.get("edf_binarysize", fields.get("size", ""))
    expected = end + 2 + (int(size) if size.isdecimal() else 0)
    if (actual := path.stat().st_size) < expected:
        raise TornFile(f"it is cut off: its data end at byte {expected}, the file has {actual}")
    dtype = EDF_TYPES.get(fields.get("datatype", "").lower(), "")
    return Header((Image("EDF", dtype, tuple(axes)),))
