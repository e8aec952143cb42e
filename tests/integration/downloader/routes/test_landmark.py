"""A landmark of one voxel is at its place in the volume's levels, in slices and in crops."""

import io
from itertools import product
from typing import Any

import nrrd
import numpy as np
from PIL import Image
from portal_cli.pyramid.pyramid import NoProgress, Order, make_pyramid
from portal_cli.pyramid.source import ArraySource

from tests.drivers.services.downloader import DownloaderClient
from tests.drivers.tape import TapeArchive

SHAPE = (150, 40, 130)
PLACE = (97, 30, 61)  # z, y, x; neither the first nor the last of its pair along each axis
VOXEL_UM = 2.5
CENTRE = np.array(PLACE) * VOXEL_UM  # the centre of the first voxel is at 0 um
VALUE = 8.0**4  # 1 in the fourth level
WINDOW = {"format": "png", "window": "0:0.5"}


def nearest(found: np.ndarray[Any, Any], voxel_um: np.ndarray[Any, Any]) -> bool:
    """Whether a voxel of a level is the one in which the landmark lies."""
    reach = (voxel_um - VOXEL_UM) / 2 + 1e-9
    return bool((np.abs(found - CENTRE) <= reach).all())


async def test_a_landmark_is_at_its_place(downloader: DownloaderClient, tape: TapeArchive) -> None:
    voxels = np.zeros(SHAPE, np.float32)
    voxels[PLACE] = VALUE
    target = tape.archive / tape.name / "d" / "v.ome.zarr"
    target.parent.mkdir(parents=True)
    make_pyramid(Order(target, tape.name, (VOXEL_UM,) * 3), ArraySource(voxels), NoProgress())
    await downloader.register("p", tape.list_files("d"))
    await downloader.final_event(await downloader.request("p"))

    levels = (await downloader.get("p", "volume")).json()["levels"]
    assert len(levels) == 3
    for level, axis in product(levels, range(3)):
        await _check_slice(downloader, level, axis)
    for level in levels:
        await _check_crop(downloader, level)


async def _check_slice(downloader: DownloaderClient, level: dict[str, Any], axis: int) -> None:
    """The plane at the landmark's position shows it, in the pixel of its position."""
    voxel, offset = np.array(level["voxel_um"]), np.array(level["translation_um"])
    query = {"level": level["level"], "um": CENTRE[axis], **WINDOW}
    answer = await downloader.get("p", f"slices/{'zyx'[axis]}/mid", params=query)
    assert answer.status_code == 200, answer.text
    picture = np.asarray(Image.open(io.BytesIO(answer.content)))
    [place] = np.argwhere(picture)
    position = np.insert(place * np.delete(voxel, axis) + np.delete(offset, axis), axis, 0)
    position[axis] = float(answer.headers["slice-position-um"])
    assert nearest(position, voxel), (level["level"], "zyx"[axis])
    neighbour = {**query, "um": CENTRE[axis] + voxel[axis]}
    answer = await downloader.get("p", f"slices/{'zyx'[axis]}/mid", params=neighbour)
    assert not np.asarray(Image.open(io.BytesIO(answer.content))).any()


async def _check_crop(downloader: DownloaderClient, level: dict[str, Any]) -> None:
    """A box around the landmark's centre is the one voxel in which it lies."""
    ranges = {a: f"{um - 0.1}:{um + 0.1}" for a, um in zip("zyx", CENTRE, strict=True)}
    query = {"level": level["level"], "unit": "um", "format": "nrrd", **ranges}
    answer = await downloader.get("p", "crop", params=query)
    assert answer.status_code == 200, answer.text
    file = io.BytesIO(answer.content)
    header = nrrd.read_header(file)
    values = nrrd.read_data(header, file, index_order="C")
    assert values.shape == (1, 1, 1)
    assert values[0, 0, 0] == VALUE / 8 ** level["level"]
    origin = np.array(header["space origin"])[::-1]
    assert nearest(origin, np.array(level["voxel_um"]))
