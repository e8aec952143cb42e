"""python-icat's own test-suite, from its source distribution, run against the simulator.

The distribution is the one in uv.lock, checked against the lock's hash; no part of it is in this
repository. Its test files are divided into shards that run in parallel, each with a copy of the
suite and a simulator of its own, since the suite wipes its server. Clients of the suite load the
descriptions of entity types once per process (see entity_info_cache.py), not once per test.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.drivers.icat import running

LOCK = Path(__file__).parents[4] / "uv.lock"
REQUIRED = os.environ.get("PORTAL_REQUIRE_SERVICES") == "1"

USERS = {
    **{name: ("simple", name) for name in ("root", "idsreader", "useroffice")},
    "ingest": ("simple", "dataingest"),
    **{name: ("db", name) for name in ("acord", "ahau", "jbotu", "jdoe", "nbour", "rbeck")},
}  # section of the suite's configuration: authenticator and user; the password is the name
OPTIONS = [f"--user={how}/{name}:{name}" for how, name in USERS.values()]
OPTIONS += ["--root-user=simple/root", "--server-tz=Europe/Berlin"]  # where its reference data are

Outcomes = dict[str, str]  # id of a test case: "passed", or the kind and reason of another outcome


@pytest.fixture(scope="session")
def sdist(pytestconfig: pytest.Config) -> Path:
    """The source distribution, cached between runs; the tests are skipped if it is unavailable."""
    packages = tomllib.loads(LOCK.read_text(encoding="utf-8"))["package"]
    (locked,) = (package for package in packages if package["name"] == "python-icat")
    folder = Path(pytestconfig.cache.mkdir("python-icat"))  # pyright: ignore[reportOptionalMemberAccess]
    wanted = folder / f"{locked['version']}.txt"
    wanted.write_text(f"python-icat=={locked['version']} --hash={locked['sdist']['hash']}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary=:all:"]
    command += ["--require-hashes", f"--requirement={wanted}", f"--dest={folder}"]
    found = list(folder.glob(f"python*{locked['version']}.tar.gz"))
    if not found:
        got = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        found = list(folder.glob(f"python*{locked['version']}.tar.gz"))
        if got.returncode:
            reason = f"python-icat's source distribution cannot be downloaded: {got.stderr[-500:]}"
            (pytest.fail if REQUIRED else pytest.skip)(reason)
    return found[0]


@pytest.fixture(scope="session")
def suite(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite, prepared except for the address of its server."""
    folder = tmp_path_factory.mktemp("python-icat")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    prepare = [sys.executable, "setup.py", "-q", "build_test"]
    subprocess.run(prepare, cwd=source, check=True, capture_output=True, timeout=120)
    settings = source / "tests" / "conftest.py"
    text = settings.read_text(encoding="utf-8")
    assert "en_US.UTF-8" in text
    settings.write_text(text.replace("en_US.UTF-8", "C.UTF-8"), encoding="utf-8")
    return source


@pytest.fixture(scope="session")
def outcomes(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """The outcome of each test case."""

    def run(files: list[str]) -> Outcomes:
        folder = tmp_path_factory.mktemp("shard")
        copy = folder / "suite"
        shutil.copytree(suite, copy)
        with running(folder / "icat", *OPTIONS) as server:
            return _run(copy / "tests", files, server.url, folder)

    names = sorted(path.name for path in (suite / "tests").glob("test_*.py"))
    dumping = [name for name in names if name.startswith("test_05_dump")]  # half of the time
    shards = [dumping, [name for name in names if name not in dumping]]
    with ThreadPoolExecutor(len(shards)) as pool:
        return {case: outcome for part in pool.map(run, shards) for case, outcome in part.items()}


def _run(tests: Path, files: list[str], url: str, folder: Path) -> Outcomes:
    sections = (
        f"[{name}]\nurl = {url}/ICATService/ICAT?wsdl\nidsurl = {url}/ids\n"
        f"auth = {how}\nusername = {user}\npassword = {user}\n"
        for name, (how, user) in USERS.items()
    )
    (tests / "data" / "icat.cfg").write_text("\n".join(sections), encoding="utf-8")
    report = folder / "report.xml"
    scratch = folder / "tmp"
    scratch.mkdir()
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *files]
    command += ["-p", "no:cacheprovider", "-p", "pytest_dependency", "-p", "entity_info_cache"]
    done = subprocess.run(
        command,
        cwd=tests,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(scratch),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": str(Path(__file__).parent),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=3000,
    )
    assert report.exists(), f"the suite did not run: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    sys.stdout.write(done.stdout)  # pytest shows it if a test of ours fails
    cases = ET.parse(report).iter("testcase")  # noqa: S314  # written by our own run
    return {f"{case.get('classname')}.py::{case.get('name')}": _outcome(case) for case in cases}


def _outcome(case: ET.Element) -> str:
    for trouble in case:
        if trouble.tag in {"failure", "error", "skipped"}:
            return f"{trouble.tag}: {trouble.get('message', '')}"
    return "passed"


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
