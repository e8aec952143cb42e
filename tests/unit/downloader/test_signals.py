"""A signal wakes the workers that wait for it."""

import asyncio

from portal_downloader.store.signals import Signal


def test_a_signal_sets_only_its_own_events() -> None:
    ours, theirs = asyncio.Event(), asyncio.Event()
    bell, other = Signal(), Signal()
    bell.add_events(ours)
    other.add_events(theirs)
    bell.set()
    assert (ours.is_set(), theirs.is_set()) == (True, False)
