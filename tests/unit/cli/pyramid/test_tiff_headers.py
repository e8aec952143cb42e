"""Slices of TIFF: each file is parsed once, however often its rows are read."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from portal_cli.curation.sources import tiff
from portal_cli.curation.sources.tiff import Page, TiffSlices


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts how often each file is opened to parse its tags."""
    found: Counter[str] = Counter()

    class Counting(tifffile.TiffFile):
        def __init__(self, file: Any, **options: Any) -> None:
            found[Path(file).name] += 1
            super().__init__(file, **options)

    monkeypatch.setattr(tifffile, "TiffFile", Counting)
    return found


@pytest.mark.parametrize("room", [1000, 0])
def test_a_file_is_parsed_once_as_long_as_there_is_room(
    tmp_path: Path, parsed: Counter[str], monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr(tiff, "MAX_CACHED_SEGMENTS", room)
    planes = np.random.default_rng(1).integers(0, 900, (3, 40, 50)).astype("uint16")
    names = [f"s_{n}.tif" for n in range(3)]
    for name, plane in zip(names, planes, strict=True):
        tifffile.imwrite(tmp_path / name, plane, compression="zlib", rowsperstrip=8)
    parsed.clear()
    slices = TiffSlices(tmp_path, [Page(name) for name in names])
    for start in range(0, 40, 10):
        for number in range(3):
            assert (
                slices.rows(number, start, start + 10) == planes[number, start : start + 10]
            ).all()
    assert all((count == 1) == bool(room) for count in parsed.values())
    assert set(parsed) == set(names)
