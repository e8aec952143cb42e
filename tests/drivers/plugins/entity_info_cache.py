"""Pytest plugin of python-icat's suite: what its clients look up about types stays cached.

Each client loads the descriptions of 53 types when it connects, which takes 0.6 s of the client's
own CPU; the suite connects some hundred times to one server, which always returns the same. The
lookups in the schema that suds repeats for every element are cached as in the service ingest.
"""

from typing import Any

import icat
import portal_ingest.icat.client  # noqa: F401  # for its caches in suds

_load = icat.Client.getEntityInfo
_infos: dict[tuple[str, str], Any] = {}


def _cached(self: Any, beanName: str) -> Any:  # noqa: N803  # the library's name
    key = (self.url, beanName)
    if key not in _infos:
        _infos[key] = _load(self, beanName)
    return _infos[key]


icat.Client.getEntityInfo = _cached
