"""Where portal get looks for the files of a request that have come."""

import random
from bisect import bisect_right
from collections.abc import Sequence

from portal_cli.download.client import RemoteFile
from portal_cli.download.staging import AwaitedFiles


class Listing:
    """A portal's, in pages; counts them."""

    def __init__(self, count: int, page: int) -> None:
        self.names = [f"slices/{n:06d}.tif" for n in range(count)]
        self.online: set[str] = set()
        self.pages = 0
        self._page = page

    def file(self, name: str) -> RemoteFile:
        return RemoteFile(name, 1, "00", "", "ONLINE" if name in self.online else "RESTORING")

    def after(self, name: str) -> tuple[list[RemoteFile], bool]:
        self.pages += 1
        first = bisect_right(self.names, name)
        page = self.names[first : first + self._page]
        return [self.file(n) for n in page], first + self._page < len(self.names)


def look(awaited: AwaitedFiles, listing: Listing, pages: int = 5) -> list[str]:
    arrived: list[RemoteFile] = []
    for _ in range(pages):
        after = awaited.next_page_start()
        if after is None:
            break
        page, more = listing.after(after)
        arrived += awaited.take_arrived(page, more=more)
    return [f.location for f in arrived]


def awaiting(listing: Listing, names: Sequence[str] | None = None) -> AwaitedFiles:
    return AwaitedFiles([listing.file(n) for n in names or listing.names], listing.names)


def test_nothing_is_listed_before_more_are_online_or_once_all_of_these_were_found() -> None:
    listing = Listing(100, 10)
    awaited = awaiting(listing)
    awaited.set_online_count(0)
    assert look(awaited, listing) == []
    assert listing.pages == 0
    listing.online = {listing.names[3]}
    awaited.set_online_count(1)
    assert look(awaited, listing) == [listing.names[3]]
    awaited.set_online_count(1)
    assert look(awaited, listing) == []
    assert listing.pages == 1


def test_a_look_goes_on_where_the_one_before_it_ended() -> None:
    listing = Listing(100, 10)
    awaited = awaiting(listing)
    listing.online = {listing.names[95]}
    awaited.set_online_count(1)
    assert [look(awaited, listing, pages=4) for _ in range(3)] == [[], [], [listing.names[95]]]
    listing.online.add(listing.names[2])
    awaited.set_online_count(2)
    assert look(awaited, listing, pages=2) == [listing.names[2]]  # over the end, and from the start
    assert listing.pages == 12


def test_a_hundred_thousand_files_that_come_in_order_are_listed_about_once() -> None:
    listing = Listing(100_000, 1000)
    awaited = awaiting(listing)
    arrived: list[str] = []
    for online in range(0, 100_001, 2500):
        listing.online = set(listing.names[:online])
        awaited.set_online_count(online)
        arrived += look(awaited, listing)
    assert arrived == listing.names
    assert listing.pages < 150


def test_files_that_come_in_any_order_are_all_found_and_none_twice() -> None:
    listing = Listing(5000, 100)
    awaited = awaiting(listing)
    order = random.Random(3).sample(listing.names, 5000)  # noqa: S311
    arrived: list[str] = []
    for online in range(0, 5001, 250):
        listing.online = set(order[:online])
        awaited.set_online_count(online)
        for _ in range(20):
            arrived += look(awaited, listing)
        assert set(arrived) == listing.online
    assert len(arrived) == 5000
    assert not awaited.remaining


def test_what_others_have_recalled_is_looked_for_once_round_and_no_more() -> None:
    listing = Listing(100, 10)
    awaited = awaiting(listing, listing.names[50:60])
    listing.online = set(listing.names[:20])
    awaited.set_online_count(20)
    assert [look(awaited, listing) for _ in range(5)] == [[]] * 5
    assert listing.pages == 1  # where nothing is awaited nobody looks


def test_a_dataset_that_has_grown_does_not_hold_up_a_look() -> None:
    listing = Listing(10, 5)
    awaited = awaiting(listing)
    new = [f"slices/000001-{n}.tif" for n in range(40)]
    listing.names = sorted([*listing.names, *new])
    listing.online = {"slices/000009.tif"}
    awaited.set_online_count(1)
    assert look(awaited, listing, pages=20) == ["slices/000009.tif"]
