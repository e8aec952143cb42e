"""Creates folders of miniatures in several processes, in the given order."""

import multiprocessing
import os
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

from portal_shared.contracts.jobs import FileIn

from portal_cli.miniature.folder import Miniature, ensure_folder

MAX_PROCESSES = 8
FEW = 4  # miniatures that are drawn sooner than processes start

Created = tuple[list[FileIn], bool]


class Pool:
    """Draws miniatures ahead, in the order in which they were added."""

    def __init__(self, executor: ProcessPoolExecutor | None) -> None:
        self._executor = executor
        self._futures: dict[str, Future[Created]] = {}

    def add(self, root: Path, miniatures: Sequence[Miniature]) -> None:
        if self._executor is not None:
            for one in miniatures:
                self._futures[one.name] = self._executor.submit(ensure_folder, root, one)

    def ensure(self, root: Path, miniature: Miniature) -> Created:
        """Returns the files of a folder, and whether they were created now, as ensure_folder."""
        future = self._futures.pop(miniature.name, None)
        return ensure_folder(root, miniature) if future is None else future.result()


@contextmanager
def drawing_pool(count: int) -> Generator[Pool]:
    """Provides processes for this number of miniatures; none for a few."""
    processes = min(MAX_PROCESSES, os.cpu_count() or 1)
    if count <= FEW or processes == 1:
        yield Pool(None)
        return
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with_parent)
    try:
        yield Pool(executor)
    finally:
        executor.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """Ends this process when its parent has ended, also by a signal that nothing can handle.

    Else it would wait for work forever: it has the writing end of its own queue open.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
