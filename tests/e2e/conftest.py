"""Instances of the portal for the end-to-end tests."""

import os
from collections.abc import Iterator

import pytest

from tests.drivers.instance import Portal, started
from tests.drivers.site import order
from tests.drivers.site.atlas import start_atlas
from tests.drivers.site.shared_instance import SHARED, leave, shared_instance


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order.import_beside_others(items)


@pytest.fixture(scope="session")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """The instance, one for all workers, with the 378 datasets of the Atlas and the web site.

    Tests read it; what they send must leave its records as they are.
    """
    own = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # tests/conftest.py stops it after the last worker
        yield shared_instance(own.parent / SHARED, start_atlas)
        return
    folder = own / SHARED
    try:
        yield shared_instance(folder, start_atlas)
    finally:
        leave(folder, workers=1)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """An empty instance for this module."""
    portal = started(tmp_path_factory.mktemp("small"))
    try:
        yield portal
    finally:
        portal.run("down")
