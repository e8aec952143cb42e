"""Names of fields against attribute settings: they cover what is nested, * is a wildcard."""

from collections.abc import Iterable


def covers(pattern: str, name: str) -> bool:
    """Whether the pattern names the field or an object it is nested in."""
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


def leads_to(patterns: Iterable[str], name: str) -> bool:
    """Whether something nested in the field is named by one of the patterns."""
    return any(pattern.startswith(f"{name}.") or "*" in pattern for pattern in patterns)
