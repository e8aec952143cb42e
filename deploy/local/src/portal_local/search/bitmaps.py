"""Sets of internal document numbers: integers as bitmaps where dense, small arrays where sparse."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

MAX_SPARSE = 16  # numbers up to which a set is an array
BLOCK = 256  # sets whose union RangeUnions stores

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
        if len(members) == MAX_SPARSE:
            return bitmap(members) | (1 << number)
        members.append(number)
    return members


def removed(members: Members, number: int) -> "Members | None":
    """Returns the set without the number, None if it is empty."""
    if isinstance(members, int):
        return members & ~(1 << number) or None
    if number in members:
        members.remove(number)
    return members or None


def joined(members: "Members | None", others: Members, shift: int) -> Members:
    """Returns a set with the numbers of another, which are raised by `shift`."""
    if isinstance(others, int):
        return bits(members) | others << shift
    raised = array("I", (number + shift for number in others))
    if members is None:
        return raised
    if isinstance(members, int):
        return members | bitmap(raised)
    return compact([*members, *raised])


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
    """Returns the bitmap of many numbers, in linear time."""
    listed = numbers if isinstance(numbers, Sequence) else list(numbers)
    if not listed:
        return 0
    table = bytearray((max(listed) >> 3) + 1)
    for number in listed:
        table[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(table, "little")


def compact(numbers: Sequence[int]) -> Members:
    """Returns the set of some numbers as it is stored."""
    return array("I", numbers) if len(numbers) <= MAX_SPARSE else bitmap(numbers)


def union(parts: Iterable[Members]) -> int:
    """Returns the union of many sets, in linear time."""
    found = 0
    sparse: list[int] = []
    for part in parts:
        if isinstance(part, int):
            found |= part
        else:
            sparse.extend(part)
    return found | bitmap(sparse)


def lowest(found: int) -> int:
    """Returns the lowest number in a bitmap that is not empty."""
    return (found & -found).bit_length() - 1


def numbers_in(found: int) -> Iterator[int]:
    """Yields the numbers in a bitmap, ascending."""
    if found.bit_count() <= 1:
        if found:
            yield found.bit_length() - 1
        return
    digits = bin(found)[:1:-1]
    at = digits.find("1")
    while at >= 0:
        yield at
        at = digits.find("1", at + 1)


class Membership:
    """A bitmap prepared for many fast membership tests and counts."""

    def __init__(self, found: int) -> None:
        self.found = found
        self._table = found.to_bytes((found.bit_length() + 7) // 8 or 1, "little")

    def __contains__(self, number: int) -> bool:
        at = number >> 3
        return at < len(self._table) and bool(self._table[at] >> (number & 7) & 1)

    def numbers(self, members: Members) -> Iterable[int]:
        """Returns the numbers of a set that are in the bitmap."""
        if isinstance(members, int):
            return numbers_in(members & self.found)
        return [number for number in members if number in self]

    def part(self, members: Members) -> Members:
        """Returns the part of a set that is in the bitmap; it may be empty."""
        if isinstance(members, int):
            return members & self.found
        return array("I", self.numbers(members))

    def common(self, members: Members) -> int:
        """Returns the bitmap of the numbers of a set that are in the bitmap."""
        if isinstance(members, int):
            return members & self.found
        found = 0
        for number in members:
            if number in self:
                found |= 1 << number
        return found

    def count(self, members: Members) -> int:
        if isinstance(members, int):
            return (members & self.found).bit_count()
        table, end = self._table, len(self._table)
        return sum(table[n >> 3] >> (n & 7) & 1 for n in members if n >> 3 < end)


class RangeUnions:
    """Unions of ranges of a sequence of sets, faster than by looking at each set of the range.

    The sets must not change while this object is used.
    """

    def __init__(self, sets: Sequence[Members]) -> None:
        self._sets = sets
        self._blocks = [union(sets[at : at + BLOCK]) for at in range(0, len(sets), BLOCK)]

    def union(self, start: int, end: int) -> int:
        """Returns the union of the sets from `start` to before `end`."""
        first, last = -(-start // BLOCK), end // BLOCK  # whole blocks between
        if first >= last:
            return union(self._sets[start:end])
        ends = [*self._sets[start : first * BLOCK], *self._sets[last * BLOCK : end]]
        return union([*self._blocks[first:last], *ends])
