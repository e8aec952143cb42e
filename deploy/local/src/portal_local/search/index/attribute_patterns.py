"""Matches field names with attribute patterns; a pattern covers nested fields, * is a wildcard."""

from collections.abc import Iterable


def covers(pattern: str, name: str) -> bool:
    """Returns whether the pattern matches the field or an object that contains it."""
    if pattern == "*":
        return True
    if "*" not in pattern:
        return name == pattern or name.startswith(f"{pattern}.")
    if pattern.startswith("*") and pattern.endswith("*"):
        return pattern[1:-1] in name
    if pattern.startswith("*"):
        return name.endswith(pattern[1:]) or f"{pattern[1:]}." in name
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    return name == pattern


def any_covers(patterns: Iterable[str], name: str) -> bool:
    return any(covers(pattern, name) for pattern in patterns)


def may_cover_nested(patterns: Iterable[str], name: str) -> bool:
    """Returns whether a pattern may match a field nested in this one."""
    return any(pattern.startswith(f"{name}.") or "*" in pattern for pattern in patterns)
