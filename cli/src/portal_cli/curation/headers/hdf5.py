"""Reads the images of an HDF5 or NeXus file: its numeric datasets of two or more axes.

Files are opened without a lock: they are only read, and file systems may have no locks. Links to
other files are not followed; the names of these files are returned.
"""

# h5py is typed only in part.

from pathlib import Path
from typing import Any

from portal_cli.curation.headers.hdf5_axes import axis_names, axis_steps
from portal_cli.curation.headers.image import MAX_IMAGES, Header, Image, make_axes

MIN_AXES = 2
NUMERIC = "uif"
RAW_SCAN = "NXtomo"  # projections and references, not a volume
OPEN_FOR_WRITE = ("already open for write", "already open for SWMR write")


def read_hdf5(path: Path) -> Header:
    """Returns the images of a file. Raises OSError if it is damaged or not HDF5."""
    import h5py  # noqa: PLC0415  # slow to import

    with _open(path) as file:
        kind = "NeXus" if _is_nexus(file, h5py) else "HDF5"
        raw = _raw_scans(file, h5py)
        images: list[Image] = []
        sources: set[str] = set()

        def collect(name: str, item: Any) -> bool | None:
            if not isinstance(item, h5py.Dataset):
                sources.update(_linked_files(item, h5py))
            elif _is_image(item):
                sources.update(_sources(item))
                if not name.startswith(raw):
                    images.append(_image(item, name, kind))
            return True if len(images) >= MAX_IMAGES else None  # True ends the visit

        sources.update(_linked_files(file, h5py))
        file.visititems(collect)
    return Header(tuple(images), tuple(sorted(sources)))


def _open(path: Path) -> Any:
    import h5py  # noqa: PLC0415

    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        if not any(text in str(error) for text in OPEN_FOR_WRITE):
            raise
        try:  # its writer allows readers (SWMR)
            return h5py.File(path, "r", locking=False, libver="latest", swmr=True)
        except OSError:
            reason = (
                "a program has it open for writing, or ended without closing it:"
                " close it there, or repair it with h5clear"
            )
            raise OSError(reason) from error


def _is_image(item: Any) -> bool:
    if item.ndim < MIN_AXES or not item.size:
        return False
    try:
        return item.dtype.kind in NUMERIC
    except (TypeError, ValueError):  # a type that numpy does not have
        return False


def _image(item: Any, name: str, kind: str) -> Image:
    axes = make_axes(axis_names(item), item.shape, axis_steps(item))
    return Image(kind, str(item.dtype), axes, part=name)


def _is_nexus(file: Any, h5py: Any) -> bool:
    return "NX_class" in file.attrs or any(
        "NX_class" in item.attrs for item in _groups(file, h5py).values()
    )


def _raw_scans(file: Any, h5py: Any) -> tuple[str, ...]:
    """Returns the beginnings of the names in entries whose definition is that of a raw scan."""
    found: list[str] = []
    for name, group in _groups(file, h5py).items():
        definition: Any = group.get("definition")
        if isinstance(definition, h5py.Dataset) and not definition.shape:
            text = definition[()]
            if (text.decode("utf-8", "replace") if isinstance(text, bytes) else text) == RAW_SCAN:
                found.append(f"{name}/")
    return tuple(found)


def _groups(file: Any, h5py: Any) -> dict[str, Any]:
    """Returns the groups at the top, without those behind a link that may lead nowhere."""
    names = [n for n in file if isinstance(file.get(n, getlink=True), h5py.HardLink)]
    return {n: file[n] for n in names if file.get(n, getclass=True) is h5py.Group}


def _linked_files(group: Any, h5py: Any) -> set[str]:
    if not isinstance(group, h5py.Group):
        return set()
    links = (group.get(name, getlink=True) for name in group)
    return {link.filename for link in links if isinstance(link, h5py.ExternalLink)}


def _sources(item: Any) -> set[str]:
    """Returns the files in which the voxels of a virtual or external dataset are.

    A name with a percent sign stands for several files and is left out.
    """
    found = {str(name) for name, *_ in item.external or ()}
    if item.is_virtual:
        found |= {str(source.file_name) for source in item.virtual_sources()}
    return {name for name in found if name != "." and "%" not in name}
