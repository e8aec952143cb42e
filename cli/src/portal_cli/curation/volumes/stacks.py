"""Joins the images of a numbered series: slices to a volume, parts to a whole."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import gcd

from portal_cli.curation.headers.image import SPACE, Axis, Header, Image
from portal_cli.curation.logical_files import slice_number, with_number

DIGITS = re.compile(r"\d+")
MIN_PART_AXES = 3
MAX_LISTED = 10  # slices reported one by one


@dataclass
class Series:
    """`images` are the volumes that the files may stand for; `odd` slices differ from the rest."""

    images: list[Image] = field(default_factory=list[Image])
    odd: dict[str, str] = field(default_factory=dict[str, str])  # reason by location
    missing: dict[str, str] = field(default_factory=dict[str, str])  # reason by location
    is_stack: bool = False  # most slices are alike, and none is a colour picture


def join_series(name: str, headers: dict[str, Header | None]) -> Series:
    """Joins the files of the series `name`; None is a file that could not be read."""
    read = {location: header for location, header in headers.items() if header is not None}
    flat = {loc: _slice(h) for loc, h in read.items()}
    slices = {loc: image for loc, image in flat.items() if image is not None}
    if 2 * len(slices) <= len(read) or not slices:
        images = [image for header in read.values() for image in header.images]
        return Series([*join_parts(images), *images])
    signature, count = Counter(_signature(i) for i in slices.values()).most_common(1)[0]
    usual = next(i for i in slices.values() if _signature(i) == signature)
    series = Series(is_stack=2 * count > len(read) and not usual.is_colour)
    shown = _describe(usual)
    for location, header in read.items():
        image = flat[location]
        if image is None or _signature(image) != signature:
            actual = _describe(image or header.images[0]) if header.images else ""
            reason = f"has {actual or 'no image'}, but {count} slices of {name} have {shown}"
            series.odd[location] = reason
    if 2 * count > len(read):
        series.images = [replace(usual, axes=(Axis("z", len(headers)), *usual.axes))]
        series.missing = missing_slices(name, headers)
    return series


def join_parts(images: Sequence[Image]) -> list[Image]:
    """Returns the sum of each set of images that differ in number and first length only."""
    groups: dict[tuple[object, ...], list[Image]] = {}
    for image in images:
        first = image.axes[0]
        if len(image.axes) >= MIN_PART_AXES and first.name in ("", "z"):
            key = (DIGITS.sub("#", image.part), image.dtype, image.axes[1:], first.name)
            groups.setdefault(key, []).append(image)
    return [_sum(group) for group in groups.values() if len(group) > 1]


def _sum(images: Sequence[Image]) -> Image:
    first = images[0]
    whole = replace(first.axes[0], length=sum(image.axes[0].length for image in images))
    part = f"{len(images)} parts {DIGITS.sub('#', first.part)}".rstrip()
    return replace(first, axes=(whole, *first.axes[1:]), part=part)


def missing_slices(name: str, locations: Iterable[str]) -> dict[str, str]:
    """Returns the locations that are missing between the first and the last number."""
    numbers = {found: loc for loc in locations if (found := slice_number(loc, name))}
    present = sorted({number for _, number in numbers})
    step = 0
    for before, after in pairwise(present):
        step = gcd(step, after - before)
    if len(present) <= 2 or not step:  # noqa: PLR2004  # two numbers have one distance
        return {}
    (digits, first), last = next(k for k in numbers if k[1] == present[0]), present[-1]
    count = (last - first) // step + 1 - len(present)
    known, found = set(present), dict[str, str]()
    for number in range(first, last, step):
        if number not in known:
            text = str(number).zfill(len(digits))
            more = f"; {count - 1} more are missing" if count > 1 and not found else ""
            reason = f"is missing: the numbers of {name} go from {first} to {last}{more}"
            found[with_number(numbers[digits, first], text, name)] = reason
            if len(found) == MAX_LISTED:
                break
    return found if count <= len(present) else {}  # numbers with larger gaps count something else


def _slice(header: Header) -> Image | None:
    """Returns the only image without axes of length 1, if it is no volume."""
    if len(header.images) != 1:
        return None
    image = header.images[0]
    axes = tuple(axis for axis in image.axes if axis.length > 1 or axis.name in ("x", "y"))
    flat = replace(image, axes=axes)
    return None if flat.is_volume else flat


def _signature(image: Image) -> tuple[object, ...]:
    return image.dtype, tuple((axis.name, axis.length) for axis in image.axes)


def _describe(image: Image) -> str:
    space = [axis for axis in image.axes if axis.name in SPACE]
    lengths = [axis.length for axis in sorted(space, key=lambda axis: axis.name)] or image.lengths
    return f"{' x '.join(str(length) for length in lengths)} voxels of {image.dtype}"
