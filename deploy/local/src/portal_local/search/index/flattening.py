"""Nested documents as flat fields with dotted names, as searching and filtering see them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Flat = dict[str, list[Any]]


def flattened(document: Mapping[str, Any]) -> Flat:
    """Every dotted name with the scalars found under it; objects and empty lists leave their name.

    A name whose value is null holds [None]; one that is an object, or a list of objects,
    holds what scalars stand directly under it.
    """
    flat: Flat = {}
    for name, value in document.items():
        _flatten(name, value, flat)
    return flat


def _flatten(name: str, value: Any, flat: Flat) -> None:
    if isinstance(value, dict):
        flat.setdefault(name, [])
        for key, inner in _items(value):
            _flatten(f"{name}.{key}", inner, flat)
    elif isinstance(value, list):
        flat.setdefault(name, [])
        for inner in _elements(value):
            _flatten(name, inner, flat)
    else:
        flat.setdefault(name, []).append(value)


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    yield from value.items()


def _elements(value: Any) -> Iterator[Any]:
    yield from value


def at_path(document: Any, path: str) -> Iterator[Any]:
    """The values a dotted name leads to, through objects, lists of objects and literal dots."""
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


def pruned(value: Any, keep: Callable[[str], bool], prefix: str = "") -> Any:
    """The parts of a document whose dotted names are kept, structure preserved."""
    if isinstance(value, dict):
        kept: dict[str, Any] = {}
        for key, inner in _items(value):
            name = f"{prefix}{key}"
            if keep(name):
                kept[key] = inner
            elif isinstance(inner, dict | list):
                part = pruned(inner, keep, f"{name}.")
                if part:
                    kept[key] = part
        return kept
    if isinstance(value, list):
        parts = [pruned(v, keep, prefix) for v in _elements(value) if isinstance(v, dict | list)]
        return [part for part in parts if part]
    return value
