"""What large requests name, remembered by their ids: it never changes while they are open.

To read it anew for every page of files that somebody looks at costs more than all the rest of it.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from portal_shared.mongo import Collection, translated

MOST_NAMES = 300_000  # kept in memory, of all requests together


class Naming:
    def __init__(self, rows: Collection, most: int = MOST_NAMES) -> None:
        self._rows = rows
        self._most = most
        self._names: OrderedDict[str, frozenset[str]] = OrderedDict()  # used last, last
        self._count = 0

    async def of(self, requests: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """Locations by the id of the request; those that were not known are read at once."""
        found = {name: self._names[name] for name in requests if name in self._names}
        for name in found:
            self._names.move_to_end(name)
        unknown = [name for name in requests if name not in found]
        if unknown:
            with translated():
                async for row in self._rows.find({"_id": {"$in": unknown}}, {"locations": 1}):
                    found[row["_id"]] = frozenset(row["locations"] or ())
                    self._keep(row["_id"], found[row["_id"]])
        return found

    def _keep(self, request: str, names: frozenset[str]) -> None:
        if request not in self._names:
            self._names[request] = names
            self._count += len(names)
        while self._count > self._most:
            self._count -= len(self._names.popitem(last=False)[1])
