"""Status of an instance: services, queues, waiting work and dead letters."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from portal_shared.messaging import topology
from portal_shared.messaging.publisher import Publisher
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.settings import Settings
from portal_shared.service.disk import DiskCheck

from portal_cli.instance.addresses import (
    NoInstance,
    bus_settings,
    intake_folder,
    operator_headers,
    read_instance,
    service_urls,
    unreachable,
)

IDLE_PAUSE_SECONDS, BUSY_PAUSE_SECONDS = 0.5, 1.5  # every service counts for each status


@dataclass
class InstanceStatus:
    services: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    queues: dict[str, int] = field(default_factory=dict[str, int])  # empty: the broker is silent
    dead_letters: dict[str, int] = field(default_factory=dict[str, int])
    restarts: dict[str, int] = field(default_factory=dict[str, int])
    problems: list[str] = field(default_factory=list[str])
    intake_folder: str | None = None  # None: it is on another machine

    @property
    def waiting(self) -> dict[str, int]:
        """Unfinished work by name; empty when the instance is idle."""
        found = {f"queue {name}": count for name, count in self.queues.items() if count}
        for name, figures in self.services.items():
            for label in ("pending", "outbox"):
                if figures.get(label):
                    found[f"{name} {label}"] = int(figures[label])
        return found

    @property
    def refusals(self) -> dict[str, str]:
        """Why ICAT or DataCite refused records for good, by pid; some of them if there are many."""
        refusals: list[dict[str, str]] = [f.get("refusals", {}) for f in self.services.values()]
        return {pid: reason for found in refusals for pid, reason in found.items()}

    @property
    def handled_messages(self) -> int:
        """Messages that the services have handled so far; it grows while anything is in motion."""
        return sum(sum(figures.get("settled", {}).values()) for figures in self.services.values())

    def as_json(self) -> dict[str, Any]:
        return {
            "services": self.services,
            "queues": self.queues,
            "dead_letters": self.dead_letters,
            "restarts": self.restarts,
            "waiting": self.waiting,
            "trouble": self.problems,
            "refusals": self.refusals,
            "intake_folder": self.intake_folder,
        }


async def read_status(data: Path, *, exact: bool = True) -> InstanceStatus:
    """Requests the status of every service and the length of every queue.

    Without `exact`, totals may be old; what waits is always as it is.

    A service that does not respond is one of the `problems`, and so is a full disk. Raises
    NoInstance, InvalidVariable.
    """
    found = InstanceStatus(intake_folder=intake_folder(data))
    urls, settings = service_urls(data), bus_settings(data)
    await _check_disk(data, settings, found)
    async with httpx.AsyncClient(timeout=10, headers=operator_headers(data)) as client:
        statuses = await asyncio.gather(
            *(_service_status(client, n, u, exact=exact) for n, u in urls.items())
        )
    for name, status in zip(urls, statuses, strict=True):
        found.services[name] = status
        for kind in ("problems", "trouble"):
            for source, reason in status.get(kind, {}).items():
                problem = f"{source}: {reason}"  # all services report the same full disk
                if source != "disk":
                    problem = f"{name}: {problem}"
                if problem not in found.problems:
                    found.problems.append(problem)
    try:
        await _count_messages(settings, found)
    except Unavailable as error:
        found.problems.append(f"{unreachable('broker')}: {error}")
    _count_restarts(data, found)
    return found


async def _check_disk(data: Path, settings: Settings, found: InstanceStatus) -> None:
    """Checks the disk of the data folder, if the instance runs on this machine."""
    if (data / "instance.json").exists():
        try:
            await DiskCheck(data, settings.data_spare_bytes)()
        except Unavailable as error:
            found.problems.append(f"disk: {error}")


async def _service_status(
    client: httpx.AsyncClient, name: str, url: str, *, exact: bool
) -> dict[str, Any]:
    try:
        response = await client.get(f"{url}/status", params={"exact": exact})
        response.raise_for_status()
        status: dict[str, Any] = response.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        reason = f"{unreachable(name)}: {str(error) or repr(error)}"
        return {"service": name, "problems": {"status": reason}}
    return status


async def _count_messages(settings: Settings, found: InstanceStatus) -> None:
    publisher = Publisher(settings, "cli")
    try:
        names = [q for service in topology.SERVICES for q in topology.queues_of(service)]
        names += [topology.retry_exchange(delay) for delay in settings.retry_delays]
        for depth in await publisher.depths(names):
            found.queues[depth.queue] = depth.messages
        dead = [topology.dead_queue(service) for service in topology.SERVICES]
        for depth in await publisher.depths(dead):
            found.dead_letters[depth.queue.removesuffix(".dead")] = depth.messages
    finally:
        await publisher.close()


def _count_restarts(data: Path, found: InstanceStatus) -> None:
    """Reads the restarts from instance.json; an instance on other machines has no such file."""
    try:
        running = read_instance(data)
    except NoInstance:
        return
    for kind in ("services", "servers"):
        for name, process in running[kind].items():
            if process.get("restarts"):
                found.restarts[name] = process["restarts"]


async def wait_idle(data: Path, timeout: float) -> InstanceStatus:  # noqa: ASYNC109
    """Returns the status when nothing waited and nothing moved twice in a row, or on timeout."""
    end = time.monotonic() + timeout
    handled_before: int | None = None
    while True:
        found = await read_status(data, exact=False)
        is_idle = not found.waiting and not found.problems
        is_still = is_idle and handled_before == found.handled_messages
        if is_still or time.monotonic() > end:
            return found
        handled_before = found.handled_messages if is_idle else None
        await asyncio.sleep(IDLE_PAUSE_SECONDS if is_idle else BUSY_PAUSE_SECONDS)
