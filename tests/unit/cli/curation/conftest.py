"""A folder with one dataset to curate."""

from pathlib import Path

import pytest

from tests.drivers.curation.curated_folder import CuratedFolder


@pytest.fixture
def folder(tmp_path: Path) -> CuratedFolder:
    (tmp_path / "data").mkdir()
    return CuratedFolder(tmp_path / "data")
