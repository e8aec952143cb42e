"""Headers of TIFF: axes of tifffile, units of ImageJ and OME, files that are cut off."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from tests.drivers.curation.curated_folder import CuratedFolder

VOXELS = np.zeros((4, 5, 6), "uint16")
CHANNELS = np.zeros((4, 2, 5, 6), "uint16")


def imagej(file: Path, unit: str, edge: float, voxels: Any = VOXELS, **more: Any) -> None:
    """Writes a file as ImageJ does; `edge` is in the unit."""
    metadata = {"axes": "ZYX" if voxels.ndim == 3 else "ZCYX", "unit": unit, "spacing": edge}
    tifffile.imwrite(
        file, voxels, imagej=True, resolution=(1 / edge, 1 / edge), metadata={**metadata, **more}
    )


def test_channels_are_no_slices(folder: CuratedFolder) -> None:
    imagej(folder.path / "a.tif", "um", 25, CHANNELS)
    assert folder.curate().problems == []
    (folder.path / "a.tif").unlink()
    sizes = {f"PhysicalSize{a}": 25 for a in "XYZ"}
    tifffile.imwrite(folder.path / "a.ome.tif", CHANNELS, metadata={"axes": "ZCYX", **sizes})
    assert folder.curate().problems == []
    assert "a.ome.tif (OME-TIFF) has 4" in folder.curate(shape_z=2).problems[0][1]


@pytest.mark.parametrize(
    ("unit", "edge"),
    [
        ("um", 50), ("\\u00B5m", 50), ("micron", 50), ("microns", 50), ("micrometer", 50),
        ("mm", 0.05), ("cm", 0.005), ("nm", 50_000), ("m", 5e-5), ("Micrometer", 50),
        ("inch", 50 / 25_400),
    ],
)  # fmt: skip
def test_every_unit_of_imagej_is_compared(folder: CuratedFolder, unit: str, edge: float) -> None:
    imagej(folder.path / "a.tif", unit, edge)
    assert "has 50 um" in folder.curate().problems[0][1]
    assert folder.curate(voxel_size="50 um").problems == []


@pytest.mark.parametrize("unit", ["pixel", "inches of water", ""])
def test_a_unit_that_is_no_length_is_not_compared(folder: CuratedFolder, unit: str) -> None:
    imagej(folder.path / "a.tif", unit, 1)
    assert folder.curate().problems == []


def test_the_unit_of_z_may_differ(folder: CuratedFolder) -> None:
    imagej(folder.path / "a.tif", "um", 25, zunit="mm", spacing=0.025)
    assert folder.curate().warnings == []
    imagej(folder.path / "a.tif", "um", 25, spacing=100)
    assert "25 x 25 x 100 um" in folder.curate().warnings[0][1]


@pytest.mark.parametrize(
    ("unit", "edge"), [("nm", 5e4), ("mm", 0.05), ("\u00c5", 5e5), ("in", 50 / 25_400)]
)
def test_every_unit_of_ome_is_compared(folder: CuratedFolder, unit: str, edge: float) -> None:
    sizes = {f"PhysicalSize{a}": edge for a in "XYZ"}
    sizes |= {f"PhysicalSize{a}Unit": unit for a in "XYZ"}
    tifffile.imwrite(folder.path / "a.ome.tif", VOXELS, metadata={"axes": "ZYX", **sizes})
    assert "has 50 um" in folder.curate().problems[0][1]
    assert folder.curate(voxel_size="50 um").problems == []


@pytest.mark.parametrize("size", ["0", "-1", "NaN", "INF", "abc"])
def test_a_size_that_is_no_length_is_unknown(folder: CuratedFolder, size: str) -> None:
    tifffile.imwrite(folder.path / "a.ome.tif", VOXELS, metadata={"axes": "ZYX"})
    found = tifffile.tiffcomment(folder.path / "a.ome.tif")
    spoiled = str(found).replace("SizeX=", f'PhysicalSizeX="{size}" SizeX=', 1)
    tifffile.tiffcomment(folder.path / "a.ome.tif", spoiled.encode())
    assert [p for p in folder.curate().problems if "abs" not in p[1] and size != "-1"] == []


def test_one_of_several_series_may_be_the_volume(folder: CuratedFolder) -> None:
    with tifffile.TiffWriter(folder.path / "a.tif") as writer:
        writer.write(np.zeros((9, 9), "u1"))
        writer.write(VOXELS, photometric="minisblack")
    assert folder.curate().problems == []
    assert "a.tif (series 1)" in folder.curate(shape_z=7).problems[0][1]


def test_a_large_tiff_and_a_series_in_time_are_volumes(folder: CuratedFolder) -> None:
    tifffile.imwrite(folder.path / "a.btf", VOXELS, bigtiff=True, photometric="minisblack")
    assert "a.btf (TIFF) has 4" in folder.curate(shape_z=7).problems[0][1]
    (folder.path / "a.btf").unlink()
    tifffile.imwrite(folder.path / "a.tif", VOXELS, imagej=True, metadata={"axes": "TYX"})
    assert folder.curate().problems == []
    assert folder.curate(shape_z=7).code == 1


def test_a_file_that_ends_before_its_data_is_cut_off(folder: CuratedFolder) -> None:
    imagej(folder.path / "a.tif", "um", 25)
    content = (folder.path / "a.tif").read_bytes()
    (folder.path / "a.tif").write_bytes(content[:-20])
    assert "cut off" in dict(folder.curate().problems)["a.tif"]
    tifffile.imwrite(folder.path / "a.tif", VOXELS, photometric="minisblack", metadata=None)
    content = (folder.path / "a.tif").read_bytes()
    (folder.path / "a.tif").write_bytes(content[: len(content) // 2])
    assert "the file header cannot be read" in dict(folder.curate().problems)["a.tif"]


def test_other_files_that_an_ome_tiff_names_are_not_opened(folder: CuratedFolder) -> None:
    page = np.zeros((5, 6), "u2")
    for number in range(4):
        data = "".join(
            f'<TiffData FirstZ="{n}" IFD="0" PlaneCount="1">'
            f'<UUID FileName="/dev/stdin">urn:uuid:{n}</UUID></TiffData>'
            for n in range(4)
        )
        xml = (
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
            f' UUID="urn:uuid:{number}"><Image ID="Image:0"><Pixels ID="Pixels:0" SizeX="6"'
            ' SizeY="5" SizeZ="4" SizeC="1" SizeT="1" DimensionOrder="XYZCT" Type="uint16"'
            f' PhysicalSizeX="25"><Channel ID="c" SamplesPerPixel="1"/>{data}'
            "</Pixels></Image></OME>"
        )
        tifffile.imwrite(folder.path / f"z{number}.ome.tif", page, description=xml, metadata=None)
    assert folder.curate().problems == []
    assert "has 25 um" in folder.curate(voxel_size="5 um").problems[0][1]


def test_the_keys_of_micro_manager_are_read(folder: CuratedFolder, monkeypatch: Any) -> None:
    summary = {"Summary": {"PixelSize_um": 50, "z-step_um": 50}}
    tifffile.imwrite(folder.path / "a.tif", VOXELS, photometric="minisblack")
    monkeypatch.setattr(tifffile.TiffFile, "is_micromanager", True, raising=False)
    monkeypatch.setattr(tifffile.TiffFile, "micromanager_metadata", summary)
    assert "has 50 um" in folder.curate().problems[0][1]
