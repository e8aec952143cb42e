"""Pytest plugin of python-icat's suite: entity types are described once per process.

Each client loads the descriptions of 53 types when it connects, which takes 0.6 s of the client's
own CPU; the suite connects some hundred times to one server, which always returns the same.
"""

from typing import Any

import icat

_load = icat.Client.getEntityInfo
_infos: dict[tuple[str, str], Any] = {}


def _cached(self: Any, beanName: str) -> Any:  # noqa: N803  # the library's name
    key = (self.url, beanName)
    if key not in _infos:
        _infos[key] = _load(self, beanName)
    return _infos[key]


icat.Client.getEntityInfo = _cached
