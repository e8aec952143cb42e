"""Workers: release and renew the archive's pins of staged files."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.logs import logger

from portal_downloader.archives.protocol import Archive, StageRefused
from portal_downloader.settings import DownloaderSettings
from portal_downloader.store.batches import Batches
from portal_downloader.store.stores import Stores

log = logger(__name__)

PINS_PER_STEP = 100
CHECKS_PER_LIFETIME = 8  # of a pin


class PinReleaser:
    """Releases the pins of files that are copied or not wanted any more.

    What the archive is still recalling is cancelled first; otherwise it would be pinned on arrival.
    """

    def __init__(self, batches: Batches, archive: Archive) -> None:
        self._batches = batches
        self._archive = archive

    async def step(self) -> bool:
        """Releases pins of one stage request; returns False when there are none."""
        found = await self._batches.pins_to_release()
        if found is None:
            return False
        stage_id, pins = found
        recalling = [pin["path"] for pin in pins if pin.get("comes")]
        if recalling:
            await self._cancel(stage_id, recalling)
        try:
            await self._archive.release(stage_id, [pin["path"] for pin in pins])
        except StageRefused as error:  # the pins expire
            log.warning("pins not released", stage_id=stage_id, reason=error.reason)
        await self._batches.delete_pins(pins)
        return True

    async def _cancel(self, stage_id: str, paths: list[str]) -> None:
        try:
            await self._archive.cancel(stage_id, paths)
        except PortalError as error:  # the recalled file is not fetched, and its pin expires
            log.warning("recall not cancelled", stage_id=stage_id, reason=str(error))


class PinRenewer:
    """Renews the pins of files that are not copied yet.

    The cache may be full, or a copy takes long: an expired pin would cost another recall. WLCG's
    API renews a pin by another stage request; the older pin is then released.
    """

    def __init__(self, settings: DownloaderSettings, stores: Stores, archive: Archive) -> None:
        self._lifetime = timedelta(seconds=settings.pin_seconds)
        self._files = stores.files
        self._batches = stores.batches
        self._archive = archive
        self.idle = max(
            0.25, min(600.0, settings.pin_seconds / CHECKS_PER_LIFETIME)
        )  # seconds between checks

    async def step(self) -> bool:
        """Renews pins that have used half of their lifetime; returns False when there are none."""
        if not self._archive.pins_expire:
            return False
        now = datetime.now(UTC)
        files = await self._files.pinned_before(now - self._lifetime / 2, PINS_PER_STEP)
        if not files:
            return False
        try:
            stage_id = await self._archive.stage(list(dict.fromkeys(f.path for f in files)))
        except StageRefused as error:  # files whose pin expires are staged again by the fetcher
            log.warning("pins not renewed", files=len(files), reason=error.reason)
            for file in files:
                await self._files.set_pin(file, file.stage_id, now)
            return True
        for file in files:
            renewed = await self._files.set_pin(file, stage_id, now)
            await self._batches.unpin(file if renewed else replace(file, stage_id=stage_id))
        log.info("pins renewed", files=len(files), stage_id=stage_id)
        return True
