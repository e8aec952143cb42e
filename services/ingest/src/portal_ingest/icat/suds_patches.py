"""Makes suds cheaper for the processor: it does the same for each object, and each time anew.

The patches apply to the whole process. The schema is loaded once and never changes after that.
"""

from typing import Any, cast

import suds.bindings.binding
import suds.mx
import suds.mx.literal
import suds.sudsobject
import suds.xsd.sxbase

_get_child = suds.xsd.sxbase.SchemaObject.get_child
_ordering = suds.mx.literal.Typed.ordering
_bodypart_types = cast("Any", suds.bindings.binding.Binding).bodypart_types


def _cached_child(self: Any, name: str) -> tuple[Any, list[Any]]:
    """Caches the child of a schema type: suds searches the whole schema for every element."""
    cache: dict[str, tuple[Any, list[Any]]] = self.__dict__.setdefault("_children", {})
    if name not in cache:
        cache[name] = _get_child(self, name)
    child, ancestry = cache[name]
    return child, list(ancestry)


def _cached_ordering(self: Any, type: Any) -> list[str]:  # noqa: A002  # the name there
    """Caches the order of a type's elements, which suds collects anew for every object."""
    cache: dict[str, list[str]] = type.__dict__
    if "_cached_ordering" not in cache:
        cache["_cached_ordering"] = _ordering(self, type)
    return cache["_cached_ordering"]


def _cached_types(self: Any, method: Any, input: bool = True) -> list[Any]:  # noqa: A002, FBT001, FBT002  # as there
    """Caches the types of a method's message, for which suds searches the schema at each call."""
    cache: dict[bool, list[Any]] = method.__dict__.setdefault("_body_types", {})
    if input not in cache:
        cache[input] = _bodypart_types(self, method, input)
    return cache[input]


def _plain_content(self: Any, tag: Any = None, value: Any = None, **others: Any) -> None:
    """Creates a node to marshal as a plain object, without lists of its own attributes."""
    self.__dict__.update(others, tag=tag, value=value)


def apply() -> None:
    """Patches suds; doing it again changes nothing."""
    suds.xsd.sxbase.SchemaObject.get_child = _cached_child
    suds.mx.literal.Typed.ordering = _cached_ordering
    suds.bindings.binding.Binding.bodypart_types = _cached_types
    content = cast("Any", suds.mx.Content)
    content.type = content.real = content.ancestry = None  # of each node until it has its own
    content.__init__ = _plain_content
    content.__setattr__ = object.__setattr__
    content.__keylist__ = ["tag", "value"]  # what its text shows in logs
    content.__printer__ = suds.sudsobject.Printer()
    content.__metadata__ = suds.sudsobject.Metadata()
