"""Filter expressions of the engine, with known precision, and how they combine."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Filter:
    """A filter expression of Meilisearch, and what is known about the rows that it selects."""

    text: str | None  # selects a superset of the matching rows; None: all rows
    exact: bool  # the superset is exactly the matching rows
    nothing: bool = False  # no row can match
    certain: str | None = None  # if not exact: selects rows that match for certain; None: no row

    @property
    def lower_bound(self) -> str | None:
        """An expression that selects matching rows only; None: all rows, or no row."""
        return self.text if self.exact else self.certain

    @property
    def undecided(self) -> str:
        """An expression for rows that must be evaluated: they may match, but not for certain."""
        not_certain = f"NOT ({self.certain})"
        return not_certain if self.text is None else f"({self.text}) AND {not_certain}"


ALL_ROWS = Filter(None, exact=True)
UNKNOWN = Filter(None, exact=False)  # nothing is known: every row is a candidate
NO_ROWS = Filter(None, exact=True, nothing=True)


def conjunction(parts: Iterable[Filter]) -> Filter:
    """Returns the filter for rows that match all parts."""
    listed = [p for p in parts if p is not ALL_ROWS]
    if len(listed) < 2:  # noqa: PLR2004  # nothing to join
        return listed[0] if listed else ALL_ROWS
    if any(p.nothing for p in listed):
        return NO_ROWS
    exact = all(p.exact for p in listed)
    has_lower_bound = all(p.exact or p.certain for p in listed)
    return Filter(
        _join((p.text for p in listed), "AND"),
        exact,
        certain=_join((p.lower_bound for p in listed), "AND")
        if has_lower_bound and not exact
        else None,
    )


def disjunction(parts: Iterable[Filter]) -> Filter:
    """Returns the filter for rows that match some part."""
    listed = [p for p in parts if not p.nothing]
    if not listed:
        return NO_ROWS
    if ALL_ROWS in listed:
        return ALL_ROWS
    exact = all(p.exact for p in listed)
    everything = any(p.text is None for p in listed)
    return Filter(
        None if everything else _join((p.text for p in listed), "OR"),
        exact,
        certain=None if exact else _join((p.lower_bound for p in listed), "OR"),
    )


def _join(texts: Iterable[str | None], word: str) -> str | None:
    listed = [t for t in texts if t is not None]
    if len(listed) < 2:  # noqa: PLR2004  # nothing to join
        return listed[0] if listed else None
    return f"({f' {word} '.join(listed)})"


def superset(part: Filter, certain: str | None = None) -> Filter:
    """Returns the filter as a superset: its rows have to be evaluated, except `certain` ones."""
    return part if part.nothing else Filter(part.text, exact=False, certain=certain)
