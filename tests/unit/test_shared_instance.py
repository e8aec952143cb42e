"""The instance that the workers of a test run share: started once, stopped after the last one."""

from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.drivers.instance import Portal
from tests.drivers.site.shared_instance import SHARED, leave, shared_instance


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Returns the commands that portals get; none is run."""
    given: list[str] = []

    def run(_: Portal, *arguments: str, timeout: float = 0) -> CompletedProcess[str]:
        given.extend(arguments)
        return CompletedProcess(arguments, 0, "", "")

    monkeypatch.setattr(Portal, "run", run)
    return given


def test_it_runs_until_the_last_worker_ends(tmp_path: Path, commands: list[str]) -> None:
    starts: list[Path] = []

    def start(folder: Path) -> Portal:
        starts.append(folder)
        return Portal(folder, "http://localhost:1")

    folder = tmp_path / SHARED
    assert shared_instance(folder, start).url == "http://localhost:1"
    leave(folder, workers=3)  # the worker that started it
    leave(folder, workers=3)  # one that never used it
    assert shared_instance(folder, start).data == folder / "data"
    assert (len(starts), commands) == (1, [])
    leave(folder, workers=3)
    assert commands == ["down"]


def test_nothing_is_stopped_where_nothing_was_started(tmp_path: Path, commands: list[str]) -> None:
    leave(tmp_path / SHARED, workers=1)
    assert commands == []


def test_a_failed_start_is_tried_again(tmp_path: Path, commands: list[str]) -> None:
    def fail(folder: Path) -> Portal:
        raise OSError("no port")

    folder = tmp_path / SHARED
    with pytest.raises(OSError, match="no port"):
        shared_instance(folder, fail)
    portal = shared_instance(folder, lambda data: Portal(data, "http://localhost:2"))
    assert portal.url == "http://localhost:2"
    assert commands == []
