"""Lets go of the pins of what has been copied: the archive's disk is not ours."""

from portal_shared.observe import logger

from portal_downloader.archives.archive import Archive, TooMuch
from portal_downloader.batches import Batches

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
        try:
            await self._tape.release(stage_id, [pin["path"] for pin in pins])
        except TooMuch as error:  # they end by their lifetime
            log.warning("pins not released", stage_id=stage_id, reason=error.reason)
        await self._batches.released(pins)
        return True
