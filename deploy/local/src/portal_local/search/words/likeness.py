"""Groups documents that are alike for some words, so that each group is ranked once."""

from collections.abc import Iterable, Iterator, Sequence

from portal_local.search.bitmaps import Members, Membership, compact, lowest, numbers_in, single
from portal_local.search.words.postings import Posting

MIN_DOCUMENTS = 32  # fewer are not grouped
MIN_GROUPS = 64  # after so many groups, their mean size decides
MIN_MEAN = 16  # documents of a group
MAX_POSTINGS = 24  # above this number, going through their documents is faster


def groups(
    found: int, postings: Iterable[Posting], marks: Sequence[int] = ()
) -> Iterator[tuple[int, Members]]:
    """Yields a document and all that have the words in the same places and the same `marks`.

    A mark is a set of documents. Where few documents are alike, each is a group of its own.
    """
    left = found
    if found.bit_count() >= MIN_DOCUMENTS:
        listed = [one for one in postings if one.bits & found]
        marked = [mark for mark in marks if mark & found]
        if len(listed) > MAX_POSTINGS:
            yield from _equal_signs(found, (*(s for one in listed for s in one.sets), *marked))
            return
        made, taken = 0, 0
        while left and (made < MIN_GROUPS or taken >= MIN_MEAN * made):
            number = lowest(left)
            alike = left
            for posting in listed:
                alike = posting.alike(number, alike)
            for mark in marked:
                alike &= mark if mark >> number & 1 else ~mark
            yield number, alike
            left ^= alike
            made += 1
            taken += alike.bit_count()
    for number in numbers_in(left):
        yield number, single(number)


def _equal_signs(found: int, sets: Iterable[Members]) -> Iterator[tuple[int, Members]]:
    """Yields a document and all that are in the same of the sets."""
    wanted = Membership(found)
    signs: dict[int, list[int]] = {number: [] for number in numbers_in(found)}
    for sign, members in enumerate(sets):
        for number in wanted.numbers(members):
            signs[number].append(sign)
    alike: dict[tuple[int, ...], list[int]] = {}
    for number, listed in signs.items():
        alike.setdefault(tuple(listed), []).append(number)
    for numbers in alike.values():
        yield numbers[0], compact(numbers)
