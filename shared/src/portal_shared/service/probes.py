"""Probes of a service by role: is it alive, is it ready for its clients, has it started.

A probe answers from memory at once, whatever is away. `alive` fails if a worker hangs: a restart
helps then. `ready` fails if this process can serve none of its own clients, so that others get
their requests; a broker that is away does not concern readers. `started` fails until the database
is prepared and, for services that only work on messages, the queues exist.
"""

from collections.abc import Callable, Mapping, Sequence

from portal_shared.runtime.worker import Worker
from portal_shared.service.health import BUS, Health

PROBES = ("live", "ready", "startup")


class Probes:
    """The state of a process, for the probes of an orchestrator.

    `needs` are groups of names of checks; the process is unready if all checks of a group fail.
    """

    def __init__(
        self,
        health: Health,
        workers: Sequence[Worker],
        *,
        stuck_seconds: float,
        needs: Sequence[Sequence[str]],
        waits_for_bus: bool,
    ) -> None:
        self._health = health
        self._workers = workers
        self._stuck_seconds = stuck_seconds
        self._needs = needs
        self._waits_for_bus = waits_for_bus
        self.is_prepared = False  # the start steps are done
        self.is_ending = False
        self.why_unprepared = "not begun"
        self.ended_task: Callable[[], str | None] = lambda: None  # name of a task that ended

    def find(self, probe: str) -> Mapping[str, str]:
        """Returns what is wrong by the part that it concerns; empty if nothing is."""
        if probe == "live":
            return self.stuck()
        return self.unready() if probe == "ready" else self.unstarted()

    def stuck(self) -> dict[str, str]:
        """Returns the workers that do not move on."""
        found = {
            f"worker {worker.name}": f"no progress for {worker.progress.silent_seconds:.0f} s"
            for worker in self._workers
            if worker.progress.silent_seconds > self._stuck_seconds
        }
        ended = self.ended_task()
        if ended is not None and not self.is_ending:
            found[f"worker {ended}"] = "has ended"
        return found

    def unstarted(self) -> dict[str, str]:
        """Returns what the start waits for."""
        if not self.is_prepared:
            return {"start": self.why_unprepared}
        if self._waits_for_bus and not self._health.consuming:
            return {BUS: "not consuming yet"}
        return {}

    def unready(self) -> dict[str, str]:
        """Returns why this process cannot serve its clients."""
        if self.is_ending:
            return {"start": "is ending"}
        if not self.is_prepared:
            return {"start": self.why_unprepared}
        failing = self._health.failing
        return {
            name: failing.get(name, "not checked yet")
            for group in self._needs
            if self._health.has_failed(group)
            for name in group
        }
