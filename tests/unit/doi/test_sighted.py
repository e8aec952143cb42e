"""What one look found is handed out in portions."""

from collections.abc import Sequence

from portal_doi.store.batch_cursor import Sighted


class Place:
    """Where things lie that a look finds."""

    def __init__(self, *there: str) -> None:
        self.there = list(there)
        self.looks = 0

    async def look(self) -> Sequence[str]:
        self.looks += 1
        return list(self.there)


async def test_one_look_is_enough_for_many_portions() -> None:
    place = Place("a", "b", "c", "d", "e")
    sighted = Sighted(place.look)
    assert [await sighted.some(2) for _ in range(3)] == [["a", "b"], ["c", "d"], ["e"]]
    assert place.looks == 1


async def test_what_came_meanwhile_is_found_by_the_next_look() -> None:
    place = Place("a")
    sighted = Sighted(place.look)
    assert await sighted.some(9) == ["a"]
    place.there = ["b"]
    assert await sighted.some(9) == ["b"]
    place.there = []
    assert await sighted.some(9) == []


async def test_what_is_forgotten_is_looked_for_again() -> None:
    place = Place("a", "b")
    sighted = Sighted(place.look)
    assert await sighted.some(1) == ["a"]
    sighted.forget()
    assert sighted.left == 0
    place.there = ["c"]
    assert await sighted.some(1) == ["c"]
