"""Pytest plugin of python-icat's suite: what its clients look up about types stays cached.

Each client loads the WSDL with its schema and the descriptions of 53 types when it connects, which
takes 0.8 s of the client's own CPU; the suite connects some hundred times to one server, which
always returns the same. The lookups in the schema that suds repeats for every element are cached
as in the service ingest, and the certificates of the machine are loaded once.
"""

import functools
from typing import Any

import icat
import icat.client
import portal_ingest.icat.client  # noqa: F401  # for its caches in suds
import suds.reader

_load = icat.Client.getEntityInfo
_infos: dict[tuple[str, str], Any] = {}


def _cached(self: Any, beanName: str) -> Any:  # noqa: N803  # the library's name
    key = (self.url, beanName)
    if key not in _infos:
        _infos[key] = _load(self, beanName)
    return _infos[key]


_open = suds.reader.DefinitionsReader.open
_definitions: dict[str, Any] = {}


def _cached_definitions(self: Any, url: str) -> Any:
    """Returns the parsed WSDL with the options of this client, as from a cache of suds."""
    if url not in _definitions:
        _definitions[url] = _open(self, url)
    found = _definitions[url]
    found.options = self.options
    return found


icat.Client.getEntityInfo = _cached
suds.reader.DefinitionsReader.open = _cached_definitions
icat.client.create_ssl_context = functools.cache(icat.client.create_ssl_context)
