"""The public status of the portal: what works, what is late, how much waits, how new it is."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Literal

import httpx
from portal_shared.messaging import topology
from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.logs import logger
from portal_shared.search import index_fields
from portal_shared.service.app import Service
from pydantic import BaseModel

from portal_gateway.catalogue import Catalogue
from portal_gateway.engine.client import Engine

log = logger(__name__)

CHECK_SECONDS = 3.0
LATE_SECONDS = 60  # of the oldest change that is not in the search yet
LATE_MESSAGES = 100  # that wait for one service
State = Literal["up", "late", "down"]


class PartStatus(BaseModel):
    """One part of the portal."""

    name: str
    label: str
    state: State
    detail: str | None = None
    delay_minutes: int | None = None  # of what is late
    waiting: int | None = None  # jobs, or for `index` changes, that are not done yet
    newest: datetime | None = None  # when the search took its newest change


class ServiceStatus(BaseModel):
    """All parts together: degraded if some are late or down, down if nothing can be found."""

    state: Literal["up", "degraded", "down"]
    at: datetime
    parts: list[PartStatus]


class StatusChecker:
    def __init__(
        self, service: Service, engine: Engine, catalogue: Catalogue, downloader_url: str
    ) -> None:
        self._service = service
        self._engine = engine
        self._catalogue = catalogue
        self._downloader_url = downloader_url.rstrip("/")

    async def check(self) -> ServiceStatus:
        """Checks all parts at once; a check that fails or takes too long is `down`."""
        parts = list(
            await asyncio.gather(
                _checked("search", "Search", self._engine.check_health),
                self._index(),
                _checked("downloads", "Downloads and volumes", self._downloader),
                self._queue("ingest", "New records", topology.JOBS),
                self._queue("doi", "Identifiers (DOI)", topology.queues_of("doi")[0]),
            )
        )
        failed = {part.name for part in parts if part.state == "down"}
        all_up = all(part.state == "up" for part in parts)
        state: Literal["up", "degraded", "down"] = "up" if all_up else "degraded"
        return ServiceStatus(
            state="down" if {"search", "index"} <= failed else state,
            at=datetime.now(UTC),
            parts=parts,
        )

    async def _index(self) -> PartStatus:
        """Returns how late changes of records are in searches and pages."""
        part = PartStatus(name="index", label="Records and pages", state="up")
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                oldest, waiting, newest = await asyncio.gather(
                    self._catalogue.oldest_change_waiting(),
                    self._catalogue.count_changes_waiting(),
                    self._engine.updated_at(index_fields.DATASETS),
                )
        except (PortalError, TimeoutError):
            log.warning("status check failed", part="index")
            return part.model_copy(update={"state": "down"})
        part = part.model_copy(update={"waiting": waiting, "newest": newest})
        waited = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0
        if waited <= LATE_SECONDS:
            return part
        minutes = round(waited / 60)
        detail = "Changes of records appear later than usual"
        late = {"state": "late", "detail": detail, "delay_minutes": minutes}
        return part.model_copy(update=late)

    async def _downloader(self) -> None:
        async with httpx.AsyncClient(timeout=CHECK_SECONDS) as client:
            (await client.get(f"{self._downloader_url}/health/live")).raise_for_status()

    async def _queue(self, name: str, label: str, queue: str) -> PartStatus:
        """Returns whether a service consumes its queue, and keeps up."""
        part = PartStatus(name=name, label=label, state="up")
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                (depth,) = await self._service.publisher.depths([queue])
        except (PortalError, TimeoutError):
            log.warning("status check failed", part=name)
            return part.model_copy(update={"state": "down"})
        part = part.model_copy(update={"waiting": depth.messages})
        if not depth.consumers:
            return part.model_copy(update={"state": "down"})
        if depth.messages > LATE_MESSAGES:
            return part.model_copy(update={"state": "late", "detail": "More work than usual waits"})
        return part


async def _checked(name: str, label: str, check: Callable[[], Awaitable[None]]) -> PartStatus:
    part = PartStatus(name=name, label=label, state="up")
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except (PortalError, httpx.HTTPError, TimeoutError, OSError) as error:
        log.warning("status check failed", part=name, reason=repr(error)[:300])
        return part.model_copy(update={"state": "down"})
    return part
