"""The union of any span of sets that stand in an order, without looking at each of them."""

from collections.abc import Sequence

from portal_local.search.index.bitmaps import Members, union

BLOCK = 256  # sets whose union is kept


class Spans:
    """Of sets that do not change meanwhile."""

    def __init__(self, sets: Sequence[Members]) -> None:
        self._sets = sets
        self._blocks = [union(sets[at : at + BLOCK]) for at in range(0, len(sets), BLOCK)]

    def union(self, start: int, end: int) -> int:
        """Of the sets from `start` to before `end`."""
        first, last = -(-start // BLOCK), end // BLOCK  # whole blocks between
        if first >= last:
            return union(self._sets[start:end])
        ends = [*self._sets[start : first * BLOCK], *self._sets[last * BLOCK : end]]
        return union([*self._blocks[first:last], *ends])
