"""Sets of internal document numbers: integers as bitmaps where dense, small arrays where sparse."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

SPARSE = 16

Members: TypeAlias = "int | array[int]"
"""A stored set: an array of up to SPARSE numbers, else a bitmap."""


def single(number: int) -> Members:
    return array("I", (number,))


def added(members: "Members | None", number: int) -> Members:
    if members is None:
        return single(number)
    if isinstance(members, int):
        return members | (1 << number)
    if number not in members:
        if len(members) == SPARSE:
            return bitmap(members) | (1 << number)
        members.append(number)
    return members


def removed(members: Members, number: int) -> "Members | None":
    """The set without the number, None when nothing is left."""
    if isinstance(members, int):
        return members & ~(1 << number) or None
    if number in members:
        members.remove(number)
    return members or None


def bits(members: "Members | None") -> int:
    if members is None:
        return 0
    if isinstance(members, int):
        return members
    found = 0
    for number in members:
        found |= 1 << number
    return found


def bitmap(numbers: Iterable[int]) -> int:
    """A bitmap of many numbers, in linear time."""
    listed = numbers if isinstance(numbers, Sequence) else list(numbers)
    if not listed:
        return 0
    table = bytearray((max(listed) >> 3) + 1)
    for number in listed:
        table[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(table, "little")


def union(parts: Iterable[Members]) -> int:
    """All of many sets, in linear time."""
    found = 0
    sparse: list[int] = []
    for part in parts:
        if isinstance(part, int):
            found |= part
        else:
            sparse.extend(part)
    return found | bitmap(sparse)


def numbers_in(found: int) -> Iterator[int]:
    """The members of a bitmap, ascending."""
    digits = bin(found)[:1:-1]
    at = digits.find("1")
    while at >= 0:
        yield at
        at = digits.find("1", at + 1)


class Membership:
    """Quick tests and counts against one bitmap."""

    def __init__(self, found: int) -> None:
        self.found = found
        self._table = found.to_bytes((found.bit_length() + 7) // 8 or 1, "little")

    def __contains__(self, number: int) -> bool:
        at = number >> 3
        return at < len(self._table) and bool(self._table[at] >> (number & 7) & 1)

    def count(self, members: Members) -> int:
        if isinstance(members, int):
            return (members & self.found).bit_count()
        table, end = self._table, len(self._table)
        return sum(table[n >> 3] >> (n & 7) & 1 for n in members if n >> 3 < end)
