"""One instance for all workers of a test run: the first one starts it, the last one ends it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from tests.drivers.instance import Portal

LOCK_SECONDS = 1500  # the first worker imports a whole corpus meanwhile


@contextmanager
def shared_instance(folder: Path, start: Callable[[Path], Portal]) -> Iterator[Portal]:
    """Yields the instance in `folder`, which all workers name; `start` makes and fills it once.

    If its start failed, every worker starts it again, and reports the failure as its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock", timeout=LOCK_SECONDS)
    users = folder / "users.json"
    with lock:
        found = json.loads(users.read_text("utf-8")) if users.exists() else {"count": 0}
        if "url" not in found:
            portal = start(folder / "data")
            found = {"count": 0, "url": portal.url}
        portal = Portal(folder / "data", found["url"])
        users.write_text(json.dumps({**found, "count": found["count"] + 1}), "utf-8")
    try:
        yield portal
    finally:
        with lock:
            found = json.loads(users.read_text("utf-8"))
            users.write_text(json.dumps({**found, "count": found["count"] - 1}), "utf-8")
            if found["count"] == 1:
                portal.run("down")
                users.unlink()
