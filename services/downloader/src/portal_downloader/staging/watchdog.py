"""Looks whether there is cause to work, so that those who would work need not all look themselves.

Bells ring in the process where something changes. What another replica left behind, what is due
only later, and what a kill cut off is found here: each second while anything is under way, else now
and then.
"""

import asyncio
import time

from portal_shared.runtime.worker import IDLE_SECONDS

from portal_downloader.store.signals import Bells
from portal_downloader.store.stores import Stores

LOOK_SECONDS = 10.0  # between looks while nothing is under way
UNRUNG_SECONDS = 60.0  # those for whom it rings look themselves no more often


class Looking:
    def __init__(self, stores: Stores, bells: Bells) -> None:
        self._stores = stores
        self._bells = bells
        self._busy = True
        self._looked = 0.0
        self.stirred = asyncio.Event()  # something may be under way from now on
        self.watched = (
            bells.planning,
            bells.submitting,
            bells.polling,
            bells.fetching,
            bells.releasing,
            bells.cancelling,
        )  # that say so

    async def step(self) -> bool:
        """Ring for whom there is cause; never more work by itself."""
        often = self._busy or self.stirred.is_set()
        if time.monotonic() < self._looked + (IDLE_SECONDS if often else LOOK_SECONDS):
            return False
        self.stirred.clear()
        self._busy = await self._ring()
        self._looked = time.monotonic()
        return False

    async def _ring(self) -> bool:
        """Whether anything is under way."""
        stores, bells = self._stores, self._bells
        causes = (
            (stores.files.any_under_way, (bells.submitting, bells.polling, bells.fetching)),
            (stores.batches.any, (bells.submitting, bells.polling)),
            (stores.batches.any_pins, (bells.releasing,)),
            (stores.requests.any_open, (bells.planning, bells.cancelling, bells.telling)),
        )
        busy = False
        for is_there, those in causes:
            if await is_there():
                busy = True
                for bell in those:
                    bell.ring()
        return busy
