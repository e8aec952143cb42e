"""What an instance is doing now: services, queues, what waits, what died."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from portal_shared.messaging import topology
from portal_shared.messaging.publisher import Publisher
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.settings import Settings

from portal_cli.instance.facts import bus_settings, facts, service_urls


@dataclass
class Condition:
    services: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    queues: dict[str, int] = field(default_factory=dict[str, int])
    dead: dict[str, int] = field(default_factory=dict[str, int])
    restarts: dict[str, int] = field(default_factory=dict[str, int])
    trouble: list[str] = field(default_factory=list[str])

    @property
    def waiting(self) -> dict[str, int]:
        """All that is not done yet, by name; empty when idle."""
        found = {f"queue {name}": count for name, count in self.queues.items() if count}
        for name, told in self.services.items():
            for label in ("pending", "outbox"):
                if told.get(label):
                    found[f"{name} {label}"] = int(told[label])
        return found

    @property
    def handled(self) -> int:
        """Messages settled so far: grows as long as anything moves."""
        return sum(sum(told.get("settled", {}).values()) for told in self.services.values())

    def as_json(self) -> dict[str, Any]:
        return {
            "services": self.services,
            "queues": self.queues,
            "dead_letters": self.dead,
            "restarts": self.restarts,
            "waiting": self.waiting,
            "trouble": self.trouble,
        }


async def look(data: Path) -> Condition:
    """Ask every service and the broker. Raises NoInstance; what does not answer is trouble."""
    found = Condition()
    urls = service_urls(data)
    async with httpx.AsyncClient(timeout=10) as client:
        told = await asyncio.gather(*(_status(client, n, u) for n, u in urls.items()))
    for name, status in zip(urls, told, strict=True):
        found.services[name] = status
        for problem, reason in status.get("problems", {}).items():
            found.trouble.append(f"{name}: {problem}: {reason}")
        for worker, reason in status.get("trouble", {}).items():
            found.trouble.append(f"{name}: {worker}: {reason}")
    settings = bus_settings(data)
    try:
        await _queues(settings, found)
    except Unavailable as error:
        found.trouble.append(str(error))
    try:
        running = facts(data)
    except Exception:  # noqa: BLE001  # an instance elsewhere has no such file
        running = {}
    for part in ("services", "servers"):
        for name, fact in running.get(part, {}).items():
            if fact.get("restarts"):
                found.restarts[name] = fact["restarts"]
    return found


async def _status(client: httpx.AsyncClient, name: str, url: str) -> dict[str, Any]:
    try:
        answer = await client.get(f"{url}/status")
        answer.raise_for_status()
        status: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        return {"service": name, "problems": {"status": str(error) or repr(error)}}
    return status


async def _queues(settings: Settings, found: Condition) -> None:
    publisher = Publisher(settings, "cli")
    try:
        names = [q for service in topology.SERVICES for q in topology.queues_of(service)]
        names += [topology.retry_exchange(delay) for delay in settings.retry_delays]
        for depth in await publisher.depths(names):
            found.queues[depth.queue] = depth.messages
        dead = [topology.dead_queue(service) for service in topology.SERVICES]
        for depth in await publisher.depths(dead):
            found.dead[depth.queue.removesuffix(".dead")] = depth.messages
    finally:
        await publisher.close()
