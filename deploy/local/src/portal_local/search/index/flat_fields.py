"""Converts nested documents to flat fields with dotted names, and selects parts by such names."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Flat = dict[str, list[Any]]


def flatten(document: Mapping[str, Any]) -> Flat:
    """Maps every dotted name to the scalars below it; objects and empty lists map to an empty list.

    A name whose value is null maps to [None]; a list of objects and scalars maps to its scalars.
    """
    return flat_values(document)[0]


def flat_values(document: Mapping[str, Any]) -> tuple[Flat, dict[str, Any]]:
    """Returns what flatten() does, and the first value that each name has, as it is."""
    flat: Flat = {}
    first: dict[str, Any] = {}
    for name, value in document.items():
        first.setdefault(name, value)
        _flatten(name, value, flat, first)
    return flat, first


def _flatten(name: str, value: Any, flat: Flat, first: dict[str, Any]) -> None:
    if isinstance(value, dict):
        flat.setdefault(name, [])
        for key, inner in _items(value):
            below = f"{name}.{key}"
            first.setdefault(below, inner)
            _flatten(below, inner, flat, first)
    elif isinstance(value, list):
        flat.setdefault(name, [])
        for inner in _elements(value):
            _flatten(name, inner, flat, first)
    else:
        flat.setdefault(name, []).append(value)


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    yield from value.items()


def _elements(value: Any) -> Iterator[Any]:
    yield from value


def at_path(document: Any, path: str) -> Iterator[Any]:
    """Yields the values at a dotted name, through objects, lists of objects and literal dots."""
    if isinstance(document, list):
        for inner in _elements(document):
            if isinstance(inner, dict | list):
                yield from at_path(inner, path)
        return
    if not isinstance(document, dict):
        return
    for key, inner in _items(document):
        if key == path:
            yield inner
        elif path.startswith(f"{key}."):
            yield from at_path(inner, path[len(key) + 1 :])


def prune(value: Any, keep: Callable[[str], bool], prefix: str = "") -> Any:
    """Returns the parts of a document whose dotted names `keep` accepts, with their structure."""
    if isinstance(value, dict):
        result: dict[str, Any] = {}
        for key, inner in _items(value):
            name = f"{prefix}{key}"
            if keep(name):
                result[key] = inner
            elif isinstance(inner, dict | list):
                part = prune(inner, keep, f"{name}.")
                if part:
                    result[key] = part
        return result
    if isinstance(value, list):
        parts = [prune(v, keep, prefix) for v in _elements(value) if isinstance(v, dict | list)]
        return [part for part in parts if part]
    return value
