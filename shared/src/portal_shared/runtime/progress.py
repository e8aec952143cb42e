"""Progress of background work: whether a step that takes long still moves on.

Calls of the database and of outside systems note progress for the worker whose task, or child task
or thread, makes them. So a step of hours that moves on differs from one that hangs.
"""

import time
from contextvars import ContextVar


class Progress:
    """When work last moved on, by this process's monotonic clock; None while nothing is to do."""

    def __init__(self) -> None:
        self._at: float | None = None

    def begin(self) -> None:
        """Work begins; what this task does from now on counts for it."""
        _current.set(self)
        self._at = time.monotonic()

    def end(self) -> None:
        """Work has ended, or waits until a pause is over."""
        self._at = None

    def note(self) -> None:
        """The work moves on."""
        if self._at is not None:
            self._at = time.monotonic()

    @property
    def silent_seconds(self) -> float:
        """Seconds since the work under way moved on; 0 while nothing is to do."""
        return 0.0 if self._at is None else time.monotonic() - self._at


_current: ContextVar[Progress | None] = ContextVar("progress", default=None)


def note_progress() -> None:
    """Notes that the work of this task moves on. Does nothing outside background work."""
    current = _current.get()
    if current is not None:
        current.note()
