"""The outcomes of python-icat's own test suite against the simulator."""

import os
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drivers import python_icat_suite
from tests.drivers.python_icat_suite import Outcomes

REQUIRED = os.environ.get("PORTAL_REQUIRE_SERVICES") == "1"


@pytest.fixture(scope="session")
def sdist(pytestconfig: pytest.Config) -> Path:
    """The source distribution, cached between runs; the tests are skipped if it is unavailable."""
    assert pytestconfig.cache is not None
    folder = Path(pytestconfig.cache.mkdir("python-icat"))
    try:
        return python_icat_suite.download(folder)
    except python_icat_suite.Unavailable as error:
        (pytest.fail if REQUIRED else pytest.skip)(str(error))


@pytest.fixture(scope="session")
def outcomes(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    suite = python_icat_suite.prepare(sdist, tmp_path_factory.mktemp("python-icat"))
    return python_icat_suite.run(suite, tmp_path_factory.mktemp)


@pytest.fixture(scope="session")
def expected_failures() -> dict[str, str]:
    """The tests that are expected not to pass, each with the reason."""
    listed = Path(__file__).with_name("expected_failures.toml").read_text(encoding="utf-8")
    return {
        test: reason for tests in tomllib.loads(listed).values() for test, reason in tests.items()
    }


@pytest.fixture(scope="session")
def base() -> Callable[[str], str]:
    """Returns the test of a case: its id without parameters."""
    return lambda case: case.partition("[")[0]
