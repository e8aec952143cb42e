"""Tape simulators in processes of their own, each over an archive in a temporary folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.drivers.tape_client import Tape, until


@pytest.fixture(name="until")
def _until() -> Callable[[Callable[[], bool]], None]:
    return until


@pytest.fixture(scope="session")
def shared_tape(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tape]:
    simulator = Tape(tmp_path_factory.mktemp("tape"))
    yield simulator
    simulator.stop()


@pytest.fixture
def tape(shared_tape: Tape) -> Tape:
    """For tests that keep to a folder of their own; faults and counts of others are gone."""
    shared_tape.http.delete("/_faults")
    shared_tape.http.delete("/_calls")
    return shared_tape


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> str:
    """On tape, and this test's own."""
    return f"/{request.module.__name__.rpartition('.')[2]}/{request.node.name[:150]}"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Tape]]:
    """Simulators with options of their own, one after the other over the same folder."""
    started: list[Tape] = []

    def another(*options: str) -> Tape:
        started.append(Tape(tmp_path, *options))
        return started[-1]

    yield another
    for simulator in started:
        simulator.stop()
