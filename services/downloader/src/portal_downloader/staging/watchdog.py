"""Watchdog: polls for work on behalf of the workers, which otherwise only react to signals.

Signals reach only workers of the same process. Work that another replica left behind, that starts
after a delay, or that was interrupted by a crash is found here: every second while anything is
pending, else every ten.
"""

import asyncio
import time

from portal_shared.runtime.worker import IDLE_SECONDS

from portal_downloader.store.signals import Signals
from portal_downloader.store.stores import Stores

IDLE_POLL_SECONDS = 10.0  # between checks while nothing is pending
FALLBACK_POLL_SECONDS = 60.0  # between checks of the signalled workers themselves


class Watchdog:
    """Signals the workers that may have work."""

    def __init__(self, stores: Stores, signals: Signals) -> None:
        self._stores = stores
        self._signals = signals
        self._busy = True
        self._checked_at = 0.0
        self.may_have_work = asyncio.Event()  # set with every signal of a watched worker
        self.signalled = (
            signals.planner,
            signals.submitter,
            signals.poller,
            signals.fetcher,
            signals.pin_releaser,
            signals.canceller,
        )  # the signals of the watched workers

    async def step(self) -> bool:
        """Signals the workers with work; always returns False."""
        is_active = self._busy or self.may_have_work.is_set()
        if time.monotonic() < self._checked_at + (IDLE_SECONDS if is_active else IDLE_POLL_SECONDS):
            return False
        self.may_have_work.clear()
        self._busy = await self._signal_workers()
        self._checked_at = time.monotonic()
        return False

    async def _signal_workers(self) -> bool:
        """Sets the signals of workers with work; returns whether anything is pending."""
        stores, signals = self._stores, self._signals
        causes = (
            (stores.files.any_pending, (signals.submitter, signals.poller, signals.fetcher)),
            (stores.batches.exists, (signals.submitter, signals.poller)),
            (stores.batches.any_pins, (signals.pin_releaser,)),
            (stores.requests.any_open, (signals.planner, signals.canceller, signals.publisher)),
        )
        pending = False
        for has_work, waiting in causes:
            if await has_work():
                pending = True
                for signal in waiting:
                    signal.set()
        return pending
