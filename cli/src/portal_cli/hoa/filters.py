"""Parses notes on filters in the beam: material and thickness, if the note is unambiguous.

`Mo 0.24mm`, `SiO2 12mm rods 3x4mm` and `G-carbon 10mm block` are parsed. `UNKNOWN sapphire 5mm`,
`HiP-CT 100mm` and `Psho 10mm` are ambiguous and stay text.
"""

import math
import re
from dataclasses import dataclass

MATERIALS = {
    "mo": "molybdenum", "molybdenum": "molybdenum",
    "al": "aluminium", "aluminium": "aluminium", "aluminum": "aluminium",
    "aluminium oxide": "aluminium oxide",
    "cu": "copper", "copper": "copper",
    "ag": "silver", "silver": "silver",
    "sio2": "silica", "sapphire": "sapphire",
    "glassy carbon": "glassy carbon", "g-carbon": "glassy carbon", "carbon": "glassy carbon",
}  # fmt: skip
NOTE = re.compile(
    r"(?P<material>[A-Za-z][A-Za-z0-9 -]*?)"
    r"(?: (?:rod|rods|bars|bloc))?"
    r" (?P<mm>\d+(?:\.\d+)?) ?mm"
    r"(?: rods (?P<number>\d+)x(?P<each>\d+(?:\.\d+)?)mm| block)?"
)


@dataclass(frozen=True)
class Filter:
    text: str
    material: str | None = None
    thickness_mm: float | None = None


def parse_filter(text: str) -> Filter:
    """Returns material and thickness together, or neither."""
    found = NOTE.fullmatch(" ".join(text.split()))
    material = MATERIALS.get(found["material"].lower()) if found else None
    if found is None or material is None:
        return Filter(text)
    thickness = float(found["mm"])
    if found["number"] and not math.isclose(thickness, int(found["number"]) * float(found["each"])):
        return Filter(text)
    return Filter(text, material, thickness)
