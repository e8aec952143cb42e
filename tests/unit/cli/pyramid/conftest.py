"""A folder with one dataset to curate."""

from pathlib import Path

import pytest

from tests.unit.cli.pyramid.scanned import ScannedVolume


@pytest.fixture
def scanned(tmp_path: Path) -> ScannedVolume:
    (tmp_path / "data").mkdir()
    return ScannedVolume(tmp_path / "data")
