"""A bell wakes who waits for its kind of work."""

import asyncio

from portal_downloader.store.signals import Signal


def test_a_bell_wakes_its_own_and_nobody_else() -> None:
    ours, theirs = asyncio.Event(), asyncio.Event()
    bell, other = Signal(), Signal()
    bell.add_events(ours)
    other.add_events(theirs)
    bell.set()
    assert (ours.is_set(), theirs.is_set()) == (True, False)
