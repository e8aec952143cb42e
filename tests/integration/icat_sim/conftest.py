"""A running simulator and python-icat clients that connect to it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import icat
import pytest

from tests.drivers.icat import Archive, IcatSimulator, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IcatSimulator]:
    """Shared by all tests that do not change what others see."""
    with running(tmp_path_factory.mktemp("icat")) as server:
        yield server


@pytest.fixture(scope="session")
def client(server: IcatSimulator) -> icat.Client:
    """A client of python-icat without the cache of QuickClient."""
    return server.client(kind=icat.Client)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., IcatSimulator]]:
    """Starts a server with options of its own, on the test's folder."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(running(tmp_path / "icat", *options))


@pytest.fixture
def archive(client: icat.Client) -> Archive:
    return Archive(client)
