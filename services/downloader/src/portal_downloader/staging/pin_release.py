"""Lets go of the pins of what has been copied, or is not wanted: the archive's disk is not ours.

What the archive is still bringing is cancelled first: else it would be pinned when it has come.
"""

from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.logs import logger

from portal_downloader.archives.protocol import Archive, TooMuch
from portal_downloader.store.batches import Batches

log = logger(__name__)


class Releasing:
    def __init__(self, batches: Batches, tape: Archive) -> None:
        self._batches = batches
        self._tape = tape

    async def step(self) -> bool:
        """The pins of one stage request; False when there are none."""
        found = await self._batches.pins_to_release()
        if found is None:
            return False
        stage_id, pins = found
        coming = [pin["path"] for pin in pins if pin.get("comes")]
        if coming:
            await self._cancel(stage_id, coming)
        try:
            await self._tape.release(stage_id, [pin["path"] for pin in pins])
        except TooMuch as error:  # they end by their lifetime
            log.warning("pins not released", stage_id=stage_id, reason=error.reason)
        await self._batches.released(pins)
        return True

    async def _cancel(self, stage_id: str, paths: list[str]) -> None:
        try:
            await self._tape.cancel(stage_id, paths)
        except PortalError as error:  # it brings what nobody fetches: a pin runs out
            log.warning("recall not cancelled", stage_id=stage_id, reason=str(error))
