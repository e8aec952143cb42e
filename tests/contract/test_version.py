"""The platform has one version: that of CITATION.cff, which each package reads when it is built."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import portal_shared
import pytest

ROOT = Path(__file__).parents[2]
PROJECTS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("shared", "cli", "services/*", "deploy/local")
    for path in ROOT.glob(f"{pattern}/pyproject.toml")
)


def cited_version() -> str:
    text = (ROOT / "CITATION.cff").read_text("utf-8")
    (found,) = re.findall(r"^version: (\S+)$", text, re.MULTILINE)
    return found


@pytest.mark.parametrize("project", PROJECTS)
def test_every_package_reads_the_version_of_the_platform(project: str) -> None:
    declared = tomllib.loads((ROOT / project).read_text("utf-8"))
    name, source = declared["project"]["name"], declared["tool"]["hatch"]["version"]["path"]
    assert "version" not in declared["project"], "the version belongs into CITATION.cff alone"
    assert (ROOT / project).parent.joinpath(source).resolve() == ROOT / "CITATION.cff"
    assert version(name) == cited_version(), "run `make setup`"


def test_services_report_the_version_of_the_platform() -> None:
    assert portal_shared.__version__ == cited_version()


def test_images_are_built_with_the_file_that_has_the_version() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
    assert re.search(r"^COPY .*CITATION\.cff", dockerfile, re.MULTILINE)
    assert "!CITATION.cff" in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
