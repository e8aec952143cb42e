"""Renews the pins of what is on the archive's disk for us and not copied yet.

The cache may be full, or the copy takes long: a pin that ran out would cost another recall. WLCG's
API renews by asking once more; the older pin is let go.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from portal_shared.runtime.logs import logger

from portal_downloader.archives.protocol import Archive, TooMuch
from portal_downloader.settings import DownloaderSettings
from portal_downloader.store.stores import Stores

log = logger(__name__)

AT_ONCE = 100  # pins
LOOKS = 8  # within the time that a pin lasts


class Renewing:
    def __init__(self, settings: DownloaderSettings, stores: Stores, tape: Archive) -> None:
        self._lasts = timedelta(seconds=settings.pin_seconds)
        self._files = stores.files
        self._batches = stores.batches
        self._tape = tape
        self.idle = max(0.25, min(600.0, settings.pin_seconds / LOOKS))  # seconds between looks

    async def step(self) -> bool:
        """Some pins that have used up half of their time; False when there are none."""
        if not self._tape.pins_run_out:
            return False
        now = datetime.now(UTC)
        files = await self._files.pinned_before(now - self._lasts / 2, AT_ONCE)
        if not files:
            return False
        try:
            made = await self._tape.stage(list(dict.fromkeys(f.path for f in files)))
        except TooMuch as error:  # what runs out is staged again once that is noticed
            log.warning("pins not renewed", files=len(files), reason=error.reason)
            for file in files:
                await self._files.renewed(file, file.stage_id, now)
            return True
        for file in files:
            renewed = await self._files.renewed(file, made, now)
            await self._batches.let_go(file if renewed else replace(file, stage_id=made))
        log.info("pins renewed", files=len(files), stage_id=made)
        return True
