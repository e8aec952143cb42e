"""What large requests name, remembered by their ids: it never changes while they are open.

To read it anew for every page of files that somebody looks at costs more than all the rest of it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from portal_shared.runtime.mongo import Collection, translate_errors

MOST_NAMES = 300_000  # kept in memory, of all requests together


class Naming:
    def __init__(self, rows: Collection, most: int = MOST_NAMES) -> None:
        self._rows = rows
        self._most = most
        self._names: OrderedDict[str, frozenset[str]] = OrderedDict()  # used last, last
        self._count = 0
        self._reading = asyncio.Lock()  # one is in memory that may not stay

    async def awaited(self, following: Mapping[str, str], names: AbstractSet[str]) -> set[str]:
        """Those of these that come after the location of a request, by its id, that names them.

        What is remembered is looked at first, the rest is read as long as a name is not found.
        """
        found: set[str] = set()
        for request in sorted(following, key=lambda request: request not in self._names):
            left = {name for name in names - found if name > following[request]}
            if left:
                found |= await self._named(request, left, using=following.keys())
        return found

    async def _named(self, request: str, names: set[str], *, using: AbstractSet[str]) -> set[str]:
        """Those of these that it names."""
        known = self._names.get(request)
        if known is not None:
            self._names.move_to_end(request)
            return names & known
        async with self._reading:
            known = self._names.get(request)  # another may have read it meanwhile
            if known is None:
                which = {"_id": request}
                with translate_errors():
                    row = await self._rows.find_one(which, {"locations": 1})
                known = frozenset((row or {}).get("locations") or ())
                self._keep(request, known, using)
            return names & known

    def _keep(self, request: str, names: frozenset[str], using: AbstractSet[str]) -> None:
        """If there is room beside those that are in use now: else all would be read each time."""
        old = [other for other in self._names if other not in using]
        while old and self._count + len(names) > self._most:
            self._count -= len(self._names.pop(old.pop(0)))
        if self._count + len(names) <= self._most:
            self._names[request] = names
            self._count += len(names)
