"""Names of axes and voxel sizes of an HDF5 dataset, as the writers of volumes give them.

Sources: labels of dimensions (HDF5), `axes` of NXdata (NeXus), `axistags` (vigra, ilastik),
`element_size_um` (Fiji, in the order of the dataset).
"""

# h5py is typed only in part.

import json
import re
from typing import Any, cast

from portal_cli.curation.headers.image import MICROMETRE, micrometres

SPACE_NAME = re.compile(r"([xyztc])(?:[ _-]?(?:axis|dim|pos|position|pixels?))?", re.IGNORECASE)
OTHER_NAME = re.compile(
    r"angle|rotation|theta|frame|energy|wavelength|channel|image_key|time|projection", re.IGNORECASE
)
LINEAR = 1e-3  # relative difference of the first step from the mean step of an axis


def axis_names(item: Any) -> list[str]:
    """Returns a name for each axis; "" where none is known."""
    labels = [str(item.dims[n].label) for n in range(item.ndim)]
    names = labels if any(labels) else _nexus_axes(item) or _axistags(item)
    plain = [_plain(name) for name in names]
    return plain if len(plain) == item.ndim else [""] * item.ndim


def axis_steps(item: Any) -> list[float | None] | None:
    """Returns the step along each axis in micrometres; None if it is not known."""
    size = _numbers(item.attrs.get("element_size_um"))
    if len(size) == 1:
        size *= item.ndim
    if len(size) == item.ndim:
        return [micrometres(value, MICROMETRE) for value in size]
    names = _nexus_axes(item)
    if len(names) != item.ndim:
        return None
    return [_step(item.parent, name) for name in names]


def _plain(name: str) -> str:
    found = SPACE_NAME.fullmatch(name.strip())
    if found:
        return found[1].lower()
    return name.strip().lower() if OTHER_NAME.search(name) else ""


def _nexus_axes(item: Any) -> list[str]:
    """Returns the `axes` of the NXdata whose signal this dataset is."""
    group = item.parent
    signal = _texts(group.attrs.get("signal"))
    own = item.name.rsplit("/", 1)[-1]
    if signal and signal[0] != own:
        return []
    return _texts(group.attrs.get("axes")) or _texts(item.attrs.get("axes"))


def _axistags(item: Any) -> list[str]:
    texts = _texts(item.attrs.get("axistags"), separator=None)
    try:
        rows: Any = json.loads(texts[0])["axes"] if texts else []
        return [str(row["key"]) for row in rows]
    except (ValueError, LookupError, TypeError):
        return []


def _step(group: Any, name: str) -> float | None:
    """Returns the step of the coordinates of an axis, if they are linear and have a unit."""
    axis = group.get(name) if name in group and not _is_foreign(group, name) else None
    if axis is None or getattr(axis, "ndim", 0) != 1 or axis.size < 2:  # noqa: PLR2004
        return None
    unit = _texts(axis.attrs.get("units"), separator=None)
    try:
        first, second, last = (float(axis[n]) for n in (0, 1, axis.size - 1))
    except (OSError, TypeError, ValueError):
        return None
    mean = (last - first) / (axis.size - 1)
    if not unit or abs((second - first) - mean) > LINEAR * abs(mean):
        return None
    return micrometres(mean, unit[0])


def _is_foreign(group: Any, name: str) -> bool:
    """Whether the member is a link that leads to another file, or nowhere."""
    import h5py  # noqa: PLC0415  # slow to import

    link = group.get(name, getlink=True)
    return isinstance(link, h5py.ExternalLink) or group.get(name, getclass=True) is None


def _texts(given: Any, separator: str | None = r"[:,]") -> list[str]:
    """Returns the texts of an attribute: one, several, or (NeXus before 2014) joined."""
    if given is None:
        return []
    if isinstance(given, bytes):
        given = given.decode("utf-8", "replace")
    if isinstance(given, str):
        return re.split(separator, given.strip("[] ")) if separator else [given]
    values = given.tolist() if hasattr(given, "tolist") else given
    if not isinstance(values, list):
        return []
    return [text for value in cast("list[Any]", values) for text in _texts(value, None)]


def _numbers(given: Any) -> list[float]:
    values = given.tolist() if hasattr(given, "tolist") else given
    many = cast("list[Any]", values) if isinstance(values, list) else [values]
    return [float(value) for value in many if isinstance(value, int | float)]
