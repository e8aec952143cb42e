"""What a search selects: words, and conditions on fields. Its canonical address."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from urllib.parse import quote, urlencode

from portal_gateway.labels.fields import FieldTable

MISSING = "~missing"  # value of a parameter that selects records without the field
BETWEEN = ".."
RELEVANCE = "relevance"
DEFAULT_PER_PAGE = 20
MAX_PER_PAGE = 100


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included, in the unit of the field; None: no limit."""

    low: float | None = None
    high: float | None = None
    days: bool = False  # the numbers are ordinals of days

    def text(self) -> str:
        low, high = self.end(self.low), self.end(self.high)
        return low if low and low == high else f"{low}{BETWEEN}{high}"

    def end(self, number: float | None) -> str:
        """Returns an end as it is written in an address; empty without a limit."""
        if number is None:
            return ""
        return date.fromordinal(int(number)).isoformat() if self.days else number_text(number)


@dataclass(frozen=True)
class Condition:
    """A record satisfies it with one of the values, in one of the ranges, or without the field."""

    values: tuple[str, ...] = ()
    ranges: tuple[Range, ...] = ()
    missing: bool = False

    def parameters(self) -> list[str]:
        """Returns the values of the parameter, in canonical order."""
        found = [*sorted(self.values), *sorted(r.text() for r in self.ranges)]
        return [*found, MISSING] if self.missing else found

    def without(self, parameter: str) -> "Condition | None":
        """Returns the condition without one value of its parameter; None if nothing is left."""
        left = Condition(
            values=tuple(v for v in self.values if v != parameter),
            ranges=tuple(r for r in self.ranges if r.text() != parameter),
            missing=self.missing and parameter != MISSING,
        )
        return left if left.parameters() else None


@dataclass(frozen=True)
class Criteria:
    """A whole search. `conditions` are by the name of the field."""

    words: str = ""
    exact: bool = False  # words are not corrected
    conditions: Mapping[str, Condition] = field(default_factory=dict[str, Condition])
    sort: str = RELEVANCE
    page: int = 1
    per_page: int = DEFAULT_PER_PAGE

    def without_field(self, name: str) -> "Criteria":
        left = {n: c for n, c in self.conditions.items() if n != name}
        return replace(self, conditions=left)

    def without_value(self, name: str, parameter: str) -> "Criteria":
        condition = self.conditions[name].without(parameter)
        left = self.without_field(name).conditions
        return replace(self, conditions={**left, name: condition} if condition else left)

    def address(self, table: FieldTable, *, paged: bool = True) -> str:
        """Returns the query string in canonical order; defaults are left out."""
        pairs: list[tuple[str, str]] = [("q", self.words)] if self.words else []
        pairs += [("exact", "1")] if self.exact else []
        for name in sorted(self.conditions, key=lambda n: table.by_name[n].address):
            address = table.by_name[name].address
            pairs += [(address, value) for value in self.conditions[name].parameters()]
        pairs += [("sort", self.sort)] if self.sort != RELEVANCE else []
        if paged:
            pairs += [("page", str(self.page))] if self.page != 1 else []
            size = self.per_page
            pairs += [("per_page", str(size))] if size != DEFAULT_PER_PAGE else []
        return urlencode(pairs, quote_via=quote, safe="~")


def number_text(number: float) -> str:
    """Returns a number as people write it: 10, 2.5, 1e+12."""
    return f"{number:.10g}"
