"""Instances of the portal for the end-to-end tests."""

from collections.abc import Iterator

import pytest

from tests.drivers.instance import Portal, started


@pytest.fixture(scope="session")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """An instance with all 378 datasets of the Atlas imported and indexed."""
    portal = started(tmp_path_factory.mktemp("atlas"))
    try:
        portal.done("import", "hoa", "--json", timeout=900)
        portal.done("wait", "--timeout", "600", timeout=700)
        yield portal
    finally:
        portal.run("down")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """An empty instance for this module."""
    portal = started(tmp_path_factory.mktemp("small"))
    try:
        yield portal
    finally:
        portal.run("down")
