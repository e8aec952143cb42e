"""Who is woken by what: a change rings for those whom it gives work, and for nobody else."""

import asyncio
from dataclasses import dataclass, field


class Bell:
    """Rung when there may be work of one kind."""

    def __init__(self) -> None:
        self._wakes: list[asyncio.Event] = []

    def wakes(self, *events: asyncio.Event) -> None:
        self._wakes += events

    def ring(self) -> None:
        for event in self._wakes:
            event.set()


@dataclass(frozen=True)
class Bells:
    """One for each kind of work; what nobody answers rings in vain."""

    listing: Bell = field(default_factory=Bell)
    planning: Bell = field(default_factory=Bell)
    submitting: Bell = field(default_factory=Bell)
    polling: Bell = field(default_factory=Bell)
    fetching: Bell = field(default_factory=Bell)
    releasing: Bell = field(default_factory=Bell)
    cancelling: Bell = field(default_factory=Bell)
    telling: Bell = field(default_factory=Bell)
