"""python-icat's own test suite, from its source distribution, run against simulators.

The distribution is the one in uv.lock, checked against the lock's hash; no part of it is in this
repository. The test that the suite leaves out as slow runs, too, with a file of 1 MiB instead of
1 GiB. The test files are divided into shards that run in parallel, each with a copy of the suite
and a simulator of its own, since the suite wipes its server. Two plugins make it quick: what
clients look up about types stays cached (client_caches), and the suite's scripts run in forks
of the test process (script_forks).
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
from typing import TypeAlias
from xml.etree import ElementTree as ET

from tests.drivers.icat import running

LOCK = Path(__file__).parents[2] / "uv.lock"
PLUGINS = Path(__file__).with_name("plugins")

USERS = {
    **{name: ("simple", name) for name in ("root", "idsreader", "useroffice")},
    "ingest": ("simple", "dataingest"),
    **{name: ("db", name) for name in ("acord", "ahau", "jbotu", "jdoe", "nbour", "rbeck")},
}  # section of the suite's configuration: authenticator and user; the password is the name
OPTIONS = [
    *(f"--user={how}/{name}:{name}" for how, name in USERS.values()),
    "--root-user=simple/root",
    "--server-tz=Europe/Berlin",  # where its reference data are
]

Outcomes: TypeAlias = dict[str, str]
"""By id of a test case: "passed", or the kind and reason of another outcome."""


class Unavailable(Exception):
    """The source distribution cannot be downloaded."""


def download(folder: Path) -> Path:
    """Returns the source distribution, downloaded if the folder has none. Raises Unavailable."""
    packages = tomllib.loads(LOCK.read_text(encoding="utf-8"))["package"]
    (locked,) = (package for package in packages if package["name"] == "python-icat")
    pattern = f"python*{locked['version']}.tar.gz"
    if not list(folder.glob(pattern)):
        requirement = folder / f"{locked['version']}.txt"
        requirement.write_text(
            f"python-icat=={locked['version']} --hash={locked['sdist']['hash']}\n"
        )
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary=:all:"]
        command += ["--require-hashes", f"--requirement={requirement}", f"--dest={folder}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            raise Unavailable(
                f"python-icat's source distribution cannot be downloaded: {done.stderr[-500:]}"
            )
    return next(folder.glob(pattern))


def prepare(sdist: Path, folder: Path) -> Path:
    """Unpacks the suite into the folder and builds its reference data; returns its root."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    command = [sys.executable, "setup.py", "-q", "build_test"]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=120)
    _replace(source / "tests" / "conftest.py", "en_US.UTF-8", "C.UTF-8")
    _replace(source / "tests" / "test_06_ids.py", "GiB = 1073741824", "GiB = 1048576")
    return source


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def run(suite: Path, make_folder: Callable[[str], Path]) -> Outcomes:
    """Runs the whole suite and returns the outcome of each test case."""

    def run_shard(files: list[str]) -> Outcomes:
        folder = make_folder("shard")
        copy = folder / "suite"
        shutil.copytree(suite, copy)
        with running(folder / "icat", *OPTIONS) as server:
            return _run(copy / "tests", files, server.url, folder)

    names = sorted(path.name for path in (suite / "tests").glob("test_*.py"))
    dumps = [name for name in names if name.startswith("test_05_dump")]  # half of the time
    shards = [dumps, [name for name in names if name not in dumps]]
    with ThreadPoolExecutor(len(shards)) as pool:
        return {
            case: outcome for part in pool.map(run_shard, shards) for case, outcome in part.items()
        }


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
    command += ["--no-skip-slow"]
    command += ["-p", "no:cacheprovider", "-p", "pytest_dependency", "-p", "client_caches"]
    command += ["-p", "script_forks"]
    done = subprocess.run(
        command,
        cwd=tests,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(scratch),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": str(PLUGINS),
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
    for problem in case:
        if problem.tag in {"failure", "error", "skipped"}:
            return f"{problem.tag}: {problem.get('message', '')}"
    return "passed"
