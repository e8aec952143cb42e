"""Sums of files and bytes by role and folder, from sums of the smallest groups.

The groups of a list of files do not change within its version, so they are read once and cached.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from portal_gateway.files.criteria import ROLES, FileCriteria

MAX_CACHED_GROUPS = 200_000  # of all lists together


@dataclass(frozen=True, slots=True)
class Group:
    """The files directly in a folder that have a role and a level."""

    folder: str
    role: str
    level: int | None
    files: int
    bytes: int


@dataclass(frozen=True)
class Total:
    files: int = 0
    bytes: int = 0

    def __add__(self, group: "Group | Total") -> "Total":
        return Total(self.files + group.files, self.bytes + group.bytes)


def total(groups: Iterable[Group]) -> Total:
    found = Total()
    for group in groups:
        found += group
    return found


def with_role(groups: Iterable[Group], criteria: FileCriteria) -> list[Group]:
    return [
        g for g in groups if criteria.role in (None, g.role) and criteria.level in (None, g.level)
    ]


def below(groups: Iterable[Group], folder: str) -> list[Group]:
    """Returns the groups of a folder and of all folders in it."""
    if not folder:
        return list(groups)
    start = f"{folder}/"
    return [g for g in groups if g.folder == folder or g.folder.startswith(start)]


def by_role(groups: Iterable[Group]) -> dict[tuple[str, int | None], Total]:
    """Returns the sum of each role and level that has files, in the order of roles."""
    found: dict[tuple[str, int | None], Total] = {}
    for group in groups:
        key = (group.role, group.level if group.role == "level" else None)
        found[key] = found.get(key, Total()) + group
    ranks = {role: rank for rank, role in enumerate(ROLES)}
    order = sorted(found, key=lambda key: (ranks.get(key[0], len(ranks)), key[1] or 0))
    return {key: found[key] for key in order}


def by_folder(groups: Iterable[Group], folder: str) -> dict[str, Total]:
    """Returns the sum of each folder directly in a folder, with all below it; `` is itself."""
    start = len(folder) + 1 if folder else 0
    found: dict[str, Total] = {}
    for group in below(groups, folder):
        name = group.folder[start:].partition("/")[0]
        found[name] = found.get(name, Total()) + group
    return {name: found[name] for name in sorted(found, key=_natural)}


def _natural(name: str) -> tuple[bool, int, str]:
    """Sorts numbers of levels and chunks by their value."""
    is_number = name.isascii() and name.isdecimal()
    return not is_number, int(name) if is_number else 0, name


class GroupCache:
    """The groups of whole lists, by pid and version; concurrent readers of one wait together."""

    def __init__(self, load: Callable[[str, str], Awaitable[tuple[Group, ...]]]) -> None:
        self._load = load
        self._found: OrderedDict[tuple[str, int], Sequence[Group]] = OrderedDict()
        self._pending: dict[tuple[str, int], asyncio.Task[Sequence[Group]]] = {}
        self._groups = 0

    async def of_list(self, pid: str, version: int) -> Sequence[Group]:
        key = (pid, version)
        if key in self._found:
            self._found.move_to_end(key)
            return self._found[key]
        if key not in self._pending:
            task = asyncio.create_task(self._read(key))
            self._pending[key] = task
            task.add_done_callback(lambda _: self._pending.pop(key, None))
        return await asyncio.shield(self._pending[key])  # others may wait for it, too

    async def _read(self, key: tuple[str, int]) -> Sequence[Group]:
        found = await self._load(key[0], "")
        self._found[key] = found
        self._groups += len(found)
        while self._groups > MAX_CACHED_GROUPS and len(self._found) > 1:
            self._groups -= len(self._found.popitem(last=False)[1])
        return found
