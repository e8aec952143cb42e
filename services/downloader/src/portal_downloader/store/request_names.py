"""Cache of the locations that large requests name; they never change while a request is open.

Reading them again for every page of files that somebody views costs more than the rest of the
request.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from portal_shared.runtime.mongo import Collection, translate_errors

MAX_CACHED_NAMES = 300_000  # of all requests together


class RequestNames:
    """Answers which locations requests name, from the cache or the database."""

    def __init__(self, rows: Collection, max_names: int = MAX_CACHED_NAMES) -> None:
        self._rows = rows
        self._max_names = max_names
        self._names: OrderedDict[str, frozenset[str]] = OrderedDict()  # least recently used first
        self._count = 0
        self._lock = asyncio.Lock()  # at most one list that is not cached is in memory

    async def still_to_queue(
        self, following: Mapping[str, str], names: AbstractSet[str]
    ) -> set[str]:
        """Returns those of these names that a request names after its position in the queue.

        `following` is the position of each request by id. Cached requests are checked first; the
        others are read only as long as a name is not found.
        """
        found: set[str] = set()
        for request in sorted(following, key=lambda request: request not in self._names):
            left = {name for name in names - found if name > following[request]}
            if left:
                found |= await self._find_names(request, left, in_use=following.keys())
        return found

    async def _find_names(
        self, request: str, names: set[str], *, in_use: AbstractSet[str]
    ) -> set[str]:
        """Returns those of these names that the request names."""
        known = self._names.get(request)
        if known is not None:
            self._names.move_to_end(request)
            return names & known
        async with self._lock:
            known = self._names.get(request)  # another task may have read it
            if known is None:
                which = {"_id": request}
                with translate_errors():
                    row = await self._rows.find_one(which, {"locations": 1})
                known = frozenset((row or {}).get("locations") or ())
                self._cache(request, known, in_use)
            return names & known

    def _cache(self, request: str, names: frozenset[str], in_use: AbstractSet[str]) -> None:
        """Caches the names if they fit beside those in use; otherwise every call would read all
        again.
        """
        evictable = [other for other in self._names if other not in in_use]
        while evictable and self._count + len(names) > self._max_names:
            self._count -= len(self._names.pop(evictable.pop(0)))
        if self._count + len(names) <= self._max_names:
            self._names[request] = names
            self._count += len(names)
