"""One instance for all workers of a test run: the first one that needs it starts it, and it ends
with the last worker of the run, whether that one used it or not."""

import json
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from tests.drivers.instance import Portal

SHARED = "shared-atlas"  # folder beside those of the workers
LOCK_SECONDS = 1500  # the first worker imports a whole corpus meanwhile


def shared_instance(folder: Path, start: Callable[[Path], Portal]) -> Portal:
    """Returns the instance in `folder`, which all workers name; `start` makes and fills it once.

    It runs until `leave` is called for every worker. If its start failed, every worker starts it
    again, and reports the failure as its own.
    """
    with _state(folder) as state:
        if "url" not in state:
            state["url"] = start(folder / "data").url
        return Portal(folder / "data", state["url"])


def leave(folder: Path, workers: int) -> None:
    """Notes that a worker has ended; after the last one stops the instance, if there is one."""
    if not folder.parent.is_dir():  # this run has no files
        return
    with _state(folder) as state:
        state["ended"] = state.get("ended", 0) + 1
        if state["ended"] >= workers and "url" in state:
            del state["url"]
            Portal(folder / "data", "").run("down")


def leave_run(worker_folder: str | None) -> None:
    """Notes that this worker of pytest-xdist has ended; without workers there is nothing to end."""
    workers = os.environ.get("PYTEST_XDIST_WORKER_COUNT")
    if workers and worker_folder:
        leave(Path(worker_folder).parent / SHARED, int(workers))


@contextmanager
def _state(folder: Path) -> Generator[dict[str, Any]]:
    """Yields what the workers know of the instance, and stores what the caller changes."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "state.json"
    with FileLock(folder / "lock", timeout=LOCK_SECONDS):
        state: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
        try:
            yield state
        finally:
            file.write_text(json.dumps(state), "utf-8")
