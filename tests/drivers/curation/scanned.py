"""A folder with one volume, and `portal curate --pyramid --previews` on it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from tests.drivers.curation.arrays import ramp
from tests.drivers.curation.curated_folder import CuratedFolder, Result

SHAPE = (9, 7, 70)  # z, y, x


@dataclass
class ScannedVolume:
    path: Path

    def write_tiff(self, voxels: Any = None, folder: str = "slices", **more: Any) -> Any:
        """Writes a stack, one file for each slice; returns its voxels."""
        voxels = ramp(SHAPE) if voxels is None else voxels
        (self.path / folder).mkdir(parents=True, exist_ok=True)
        for number, plane in enumerate(voxels):
            tifffile.imwrite(self.path / folder / f"slice_{number:04}.tif", plane, **more)
        return voxels

    def curate(
        self, *options: str, shape: Any = SHAPE, voxel_size: str | None = "2.5 um"
    ) -> Result:
        """Makes pyramid and previews unless other options are given."""
        z, y, x = shape
        claims: dict[str, Any] = {"shape_x": x, "shape_y": y, "shape_z": z}
        if voxel_size is not None:
            claims["voxel_size"] = voxel_size
        folder = CuratedFolder(self.path)
        return folder.curate_metadata(
            folder.metadata(claims), options=options or ("--pyramid", "--previews")
        )

    @property
    def job_files(self) -> list[str]:
        """The paths of the files in the job, sorted."""
        job = json.loads((self.path.parent / "job.json").read_text("utf-8"))
        files = job["datasets"][0]["files"]
        return sorted("/".join(filter(None, (f.get("path"), f["name"]))) for f in files)

    @property
    def roles(self) -> dict[str, set[tuple[str, int | None]]]:
        """The roles and levels of the files in the job, by their folder; chunks by their level."""
        job = json.loads((self.path.parent / "job.json").read_text("utf-8"))
        found: dict[str, set[tuple[str, int | None]]] = {}
        for file in job["datasets"][0]["files"]:
            folder = file.get("path", "").partition("/c/")[0]
            found.setdefault(folder, set()).add((file["role"], file.get("level")))
        return found

    @property
    def group(self) -> zarr.Group:
        return zarr.open_group(self.path / "overview.ome.zarr", mode="r")

    def has(self, voxels: Any) -> bool:
        """Whether the finest level of the pyramid has these voxels."""
        found: Any = self.group["0"]
        return bool(np.array_equal(found[:], voxels, equal_nan=voxels.dtype.kind == "f"))


@pytest.fixture
def scanned(tmp_path: Path) -> ScannedVolume:
    (tmp_path / "data").mkdir()
    return ScannedVolume(tmp_path / "data")
