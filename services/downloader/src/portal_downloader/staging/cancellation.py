"""Lets go of what was asked for and is wanted by nobody any more."""

from collections.abc import Sequence

from portal_shared.runtime.logs import logger

from portal_downloader.domain.states import UNDER_WAY
from portal_downloader.store.files import FileRow
from portal_downloader.store.stores import Stores

log = logger(__name__)


class Cancelling:
    def __init__(self, stores: Stores) -> None:
        self._datasets = stores.datasets
        self._files = stores.files
        self._requests = stores.requests
        self._batches = stores.batches

    async def step(self) -> bool:
        """One request that was cancelled; False when there is none."""
        request = await self._requests.next_cancelled()
        if request is None:
            return False
        pid, locations = request["pid"], request["locations"]
        wanted = await self._requests.wanted_besides(pid)
        given_up = 0
        if wanted is not None:
            async for found in self._files.portions(pid, locations, UNDER_WAY):
                unwanted = [file for file in found if file.location not in wanted]
                await self._let_go(unwanted)
                given_up += len(unwanted)
        await self._requests.let_go(request)
        await self._datasets.note_news(pid)
        log.info("request cancelled", request_id=request["_id"], files_given_up=given_up)
        return True

    async def _let_go(self, files: Sequence[FileRow]) -> None:
        """On tape again, without the pin each has by then, nor the recall it waits for."""
        left = files
        while left:
            unknown = [file for file in left if not await self._batches.let_go(file)]
            moved = await self._given_up(left)
            for file in unknown:  # asked for meanwhile; who asks later sees that it is not wanted
                await self._batches.let_go(file)
            left = [] if moved == len(left) else await self._files.taken_meanwhile(left)

    async def _given_up(self, files: Sequence[FileRow]) -> int:
        """How many are: not those that another stage request has, or pins, by now."""
        by_request: dict[tuple[str | None, str | None], list[str]] = {}
        for file in files:
            by_request.setdefault((file.stage_id, file.batch), []).append(file.id)
        moved = 0
        for (stage_id, batch), ids in by_request.items():
            which = {"stage_id": stage_id, "batch": batch}
            moved += await self._files.move_all(
                ids, which, UNDER_WAY, "archived", batch=None, stage_id=None
            )
        return moved
