"""A query's result is buffered and returned in portions."""

from collections.abc import Sequence

from portal_doi.store.leases import BatchCursor


class Source:
    """Counts the queries for its items."""

    def __init__(self, *items: str) -> None:
        self.items = list(items)
        self.queries = 0

    async def query(self) -> Sequence[str]:
        self.queries += 1
        return list(self.items)


async def test_one_query_is_enough_for_many_portions() -> None:
    source = Source("a", "b", "c", "d", "e")
    cursor = BatchCursor(source.query)
    assert [await cursor.take(2) for _ in range(3)] == [["a", "b"], ["c", "d"], ["e"]]
    assert source.queries == 1


async def test_new_items_are_found_by_the_next_query() -> None:
    source = Source("a")
    cursor = BatchCursor(source.query)
    assert await cursor.take(9) == ["a"]
    source.items = ["b"]
    assert await cursor.take(9) == ["b"]
    source.items = []
    assert await cursor.take(9) == []


async def test_after_a_reset_the_next_items_come_from_a_new_query() -> None:
    source = Source("a", "b")
    cursor = BatchCursor(source.query)
    assert await cursor.take(1) == ["a"]
    cursor.reset()
    assert cursor.remaining == 0
    source.items = ["c"]
    assert await cursor.take(1) == ["c"]
