"""The platform has one version: that of portal-shared."""

import tomllib
from pathlib import Path

import portal_shared
import pytest

ROOT = Path(__file__).parents[2]
PROJECTS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("shared", "cli", "services/*", "deploy/local")
    for path in ROOT.glob(f"{pattern}/pyproject.toml")
)


@pytest.mark.parametrize("project", PROJECTS)
def test_every_package_has_the_version_of_the_platform(project: str) -> None:
    declared = tomllib.loads((ROOT / project).read_text("utf-8"))["project"]["version"]
    assert declared == portal_shared.__version__, "set the same version in every pyproject.toml"


def test_the_citation_file_has_the_version_of_the_platform() -> None:
    lines = (ROOT / "CITATION.cff").read_text("utf-8").splitlines()
    assert f"version: {portal_shared.__version__}" in lines
