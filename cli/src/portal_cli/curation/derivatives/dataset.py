"""Makes the derivatives of one dataset, and says why some could not be made."""

import errno
import hashlib
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from portal_shared.contracts.jobs import Problem
from portal_shared.validation.rules import path_problem

from portal_cli.curation.builder import DatasetFolder
from portal_cli.curation.derivatives.pictures import make_pictures, picture_files
from portal_cli.curation.derivatives.pyramids import is_pyramid, open_pyramid
from portal_cli.curation.headers.image import USUAL_ORDER, Image, micrometres
from portal_cli.curation.sources.opener import open_source
from portal_cli.curation.volumes.claims import TOLERANCE, Claims, read_claims, steps_um
from portal_cli.curation.volumes.dataset import Volume
from portal_cli.pyramid.grid import Lengths
from portal_cli.pyramid.pyramid import Order, Progress, make_pyramid
from portal_cli.pyramid.source import SourceFault, SourceFaults
from portal_cli.pyramid.state import PyramidLocked, remove_rest

SUFFIX = ".ome.zarr"
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class Derivatives:
    """`folder` is the curated folder. What is there already is not made again."""

    def __init__(self, folder: Path, progress: Progress, *, pyramid: bool, previews: bool) -> None:
        self._folder = folder
        self._progress = progress
        self._pyramid = pyramid
        self._previews = previews

    def make(self, dataset: DatasetFolder) -> list[Problem]:
        """Returns why something could not be made; what was made stays and is used again."""
        try:
            self._make(dataset)
        except SourceFaults as error:
            return [Problem(field=fault.location, reason=fault.reason) for fault in error.faults]
        except SourceFault as error:
            return [Problem(field=error.location, reason=error.reason)]
        except PyramidLocked as error:
            return [Problem(field=dataset.folder or ".", reason=f"{error}: wait until it ends")]
        except OSError as error:
            return [self._write_problem(dataset, error)]
        return []

    def _make(self, dataset: DatasetFolder) -> None:
        place = self._folder / dataset.folder
        made = next((v for v in dataset.volumes if self._is_pyramid(v)), None)
        if made is None and not dataset.volumes:
            reason = "has no volume that fits its metadata: a pyramid and previews are made of one"
            raise SourceFault(dataset.place, reason)
        volume = made or dataset.volumes[0]
        voxel_um = _voxel_um(dataset, volume.image)
        location = volume.file.name
        if made is None:
            if not self._pyramid:
                reason = "has no pyramid, of which previews are made: add --pyramid"
                raise SourceFault(dataset.place, reason)
            target = self._target(place, _name(dataset))
            self._make_pyramid(dataset, volume, target, voxel_um)
            location = target.relative_to(self._folder).as_posix()
        else:
            remove_rest(self._folder / location)
        if self._previews and not all(path.exists() for path in picture_files(place)):
            pyramid = open_pyramid(self._folder / location, location, voxel_um)
            make_pictures(place, pyramid, self._progress.stage("previews", None))

    def _is_pyramid(self, volume: Volume) -> bool:
        return volume.file.kind == "zarr" and is_pyramid(self._folder / volume.file.name)

    def _target(self, place: Path, name: str) -> Path:
        """Returns a name that is not in use."""
        target = place / f"{name}{SUFFIX}"
        return place / f"{name}.pyramid{SUFFIX}" if target.exists() else target

    def _make_pyramid(
        self, dataset: DatasetFolder, volume: Volume, target: Path, voxel_um: Lengths
    ) -> None:
        source = open_source(self._folder, volume.file, volume.image)
        prefix = f"{dataset.folder}/" if dataset.folder else ""
        shown = volume.file.name.removeprefix(prefix)
        about = {"source": f"{shown} {volume.image.part}".strip()}
        order = Order(target, _name(dataset), voxel_um, _fingerprint(dataset, volume), about)
        with closing(source):
            make_pyramid(order, source, self._progress)

    def _write_problem(self, dataset: DatasetFolder, error: OSError) -> Problem:
        reason = f"cannot be written: {error.strerror or error}"
        if error.errno in NO_SPACE:
            reason = (
                "the disk is full: free some space and run the command again; it continues with"
                " what was made"
            )
        return Problem(field=dataset.folder or ".", reason=reason)


def _voxel_um(dataset: DatasetFolder, image: Image) -> Lengths:
    """Returns the edges of a voxel along z, y, x: those of the metadata, else of the header.

    One edge for all axes gives way to three different ones of the header, which agree with it
    along x (curation has checked that, and warns). Raises SourceFault if none is known.
    """
    claims: Claims = read_claims(dataset.metadata, dataset.place)
    header = steps_um(image)
    common = claims.voxel.get("")
    if common and len(header) == len(USUAL_ORDER) and not _are_near(header.values()):
        common = None
    found: list[float] = []
    for axis in USUAL_ORDER:
        claim = claims.voxel.get(axis) or common
        edge = micrometres(claim.value, claim.unit) if claim else header.get(axis)
        if edge is None:
            reason = f"voxel_size is missing: a pyramid needs the edge of a voxel along {axis}"
            raise SourceFault(f"{dataset.place}.parameters", f"{reason}, as in 25 um")
        found.append(edge)
    z, y, x = found
    return (z, y, x)


def _are_near(edges: Iterable[float]) -> bool:
    low, *_, high = sorted(edges)
    return high - low <= TOLERANCE * high


def _fingerprint(dataset: DatasetFolder, volume: Volume) -> str:
    """Returns a digest of names, sizes and times of the files of a volume."""
    wanted, digest = set(volume.file.files), hashlib.sha256()
    for file in dataset.files:
        if file.location in wanted:
            digest.update(f"{file.location}\0{file.size}\0{file.modified}\n".encode())
    return digest.hexdigest()


def _name(dataset: DatasetFolder) -> str:
    """Returns the name of the dataset if a folder can have it."""
    metadata = cast("dict[str, Any]", dataset.metadata)
    given = metadata.get("name") if isinstance(dataset.metadata, dict) else None
    is_usable = isinstance(given, str) and not path_problem(given) and "/" not in given
    return str(given) if is_usable else "volume"
