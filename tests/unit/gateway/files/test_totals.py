"""Sums of files and bytes, and how long they stay in memory."""

import pytest
from portal_gateway.files import totals
from portal_gateway.files.criteria import FileCriteria
from portal_gateway.files.totals import Group, GroupCache, Total

GROUPS = (
    Group("", "metadata", None, 1, 5),
    Group("v", "metadata", None, 1, 5),
    Group("v/10", "level", 10, 2, 20),
    Group("v/2/c", "level", 2, 3, 30),
    Group("v-2", "data", None, 4, 40),
)


def test_levels_and_numbered_folders_are_in_order() -> None:
    assert list(totals.by_role(GROUPS)) == [
        ("data", None), ("level", 2), ("level", 10), ("metadata", None),
    ]  # fmt: skip
    assert totals.by_folder(GROUPS, "v") == {"2": Total(3, 30), "10": Total(2, 20), "": Total(1, 5)}


def test_a_folder_is_not_another_that_begins_like_it() -> None:
    assert totals.total(totals.below(GROUPS, "v")) == Total(6, 55)
    assert totals.total(totals.below(GROUPS, "v/1")) == Total()


def test_a_role_is_one_level_or_all() -> None:
    levels = totals.with_role(GROUPS, FileCriteria(role="level"))
    assert totals.total(levels) == Total(5, 50)
    assert totals.with_role(GROUPS, FileCriteria(role="level", level=2)) == [GROUPS[3]]


async def test_lists_that_were_read_long_ago_leave_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[str] = []

    async def load(pid: str, _name: str) -> tuple[Group, ...]:
        loaded.append(pid)
        return GROUPS

    monkeypatch.setattr(totals, "MAX_CACHED_GROUPS", 2 * len(GROUPS))
    cache = GroupCache(load)
    for pid in ("a", "b", "a", "c", "a", "b"):
        assert await cache.of_list(pid, 1) == GROUPS
    assert loaded == ["a", "b", "c", "b"]
    await cache.of_list("b", 2)
    assert loaded[-1] == "b"


async def test_a_list_that_could_not_be_read_is_read_again() -> None:
    answers = [OSError("gone"), None]

    async def load(_pid: str, _name: str) -> tuple[Group, ...]:
        if problem := answers.pop(0):
            raise problem
        return GROUPS

    cache = GroupCache(load)
    with pytest.raises(OSError, match="gone"):
        await cache.of_list("a", 1)
    assert await cache.of_list("a", 1) == GROUPS
