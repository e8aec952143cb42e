"""Wake-up signals of this process: a change sets the signals of the workers with new work."""

import asyncio
from dataclasses import dataclass, field


class Signal:
    """Wakes workers when there may be work of one kind."""

    def __init__(self) -> None:
        self._events: list[asyncio.Event] = []

    def add_events(self, *events: asyncio.Event) -> None:
        """Adds events that are set with the signal."""
        self._events += events

    def set(self) -> None:
        """Sets all events."""
        for event in self._events:
            event.set()


@dataclass(frozen=True)
class Signals:
    """One signal per worker; setting a signal nobody waits for has no effect."""

    importer: Signal = field(default_factory=Signal)
    copier: Signal = field(default_factory=Signal)
    cleaner: Signal = field(default_factory=Signal)
    planner: Signal = field(default_factory=Signal)
    submitter: Signal = field(default_factory=Signal)
    poller: Signal = field(default_factory=Signal)
    fetcher: Signal = field(default_factory=Signal)
    pin_releaser: Signal = field(default_factory=Signal)
    canceller: Signal = field(default_factory=Signal)
    publisher: Signal = field(default_factory=Signal)
