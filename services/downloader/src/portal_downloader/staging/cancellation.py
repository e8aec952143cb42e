"""Worker: releases the files of cancelled requests that no other request needs."""

from collections.abc import Sequence

from portal_shared.runtime.logs import logger

from portal_downloader.domain.states import PENDING
from portal_downloader.metrics import DOWNLOADS
from portal_downloader.store.rows.file import FileRow
from portal_downloader.store.stores import Stores

log = logger(__name__)


class Canceller:
    """Returns unwanted files to the state `archived` and releases their pins and recalls."""

    def __init__(self, stores: Stores) -> None:
        self._datasets = stores.datasets
        self._files = stores.files
        self._requests = stores.requests
        self._batches = stores.batches

    async def step(self) -> bool:
        """Handles one cancelled request; returns False when there is none."""
        request = await self._requests.next_cancelled()
        if request is None:
            return False
        pid, locations = request.pid, request.locations
        wanted = await self._requests.wanted_locations(pid)
        released = 0
        if wanted is not None:
            async for page in self._files.pages_of(pid, locations, PENDING):
                unwanted = [file for file in page if file.location not in wanted]
                await self._release(unwanted)
                released += len(unwanted)
        await self._requests.close(request)
        DOWNLOADS.labels("cancelled").inc()
        await self._datasets.mark_changed(pid)
        log.info("request cancelled", request_id=request.id, files_released=released)
        return True

    async def _release(self, files: Sequence[FileRow]) -> None:
        """Returns files to the archive, with the pins they have and the recalls they wait for.

        Repeated for files that got another stage request meanwhile.
        """
        remaining = files
        while remaining:
            unknown = [file for file in remaining if not await self._batches.unpin(file)]
            moved = await self._archive(remaining)
            for file in unknown:  # its stage request may be known by now
                await self._batches.unpin(file)
            remaining = (
                [] if moved == len(remaining) else await self._files.restaged_by_others(remaining)
            )

    async def _archive(self, files: Sequence[FileRow]) -> int:
        """Moves files to `archived`, except those that another stage request has by now; returns
        how many.
        """
        by_request: dict[tuple[str | None, str | None], list[str]] = {}
        for file in files:
            by_request.setdefault((file.stage_id, file.batch), []).append(file.id)
        moved = 0
        for (stage_id, batch), ids in by_request.items():
            which = {"stage_id": stage_id, "batch": batch}
            moved += await self._files.move_all(
                ids, which, PENDING, "archived", batch=None, stage_id=None
            )
        return moved
