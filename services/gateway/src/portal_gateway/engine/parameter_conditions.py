"""Expressions of the engine for the values of one parameter, in whichever fields they are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from portal_shared.search import index_fields, parameter_fields
from portal_shared.search.parameter_fields import NUMBER_DIGITS, TEXT


def format_number(number: float) -> str:
    return repr(number).replace("e+", "e")


def other_layout() -> str:
    """Returns the condition for rows whose parameters are in fields of another release."""
    return f"{parameter_fields.layout()} NOT EXISTS"


@dataclass(frozen=True)
class ParameterValues:
    """The values of a parameter; `prefix` is that of the fields of a document's datasets, or ""."""

    name: str
    prefix: str

    def between(self, part: str, low: float | None, high: float | None) -> str:
        """Returns the condition that one number of this part lies between two, or is one of them.

        None stands for no bound; one of the two must be there.
        """
        if self.name not in parameter_fields.own_names():
            first = parameter_fields.sortable_number(-math.inf if low is None else low)
            last = parameter_fields.sortable_number(math.inf if high is None else high)
            return self._keys(part, first, last)
        field = f"{self._own_field}.{part}"
        if low is None:
            return f"{field} <= {format_number(high or 0.0)}"
        if high is None:
            return f"{field} >= {format_number(low)}"
        return f"{field} {format_number(low)} TO {format_number(high)}"

    def is_text(self, texts: Sequence[str]) -> str:
        """Returns the condition that it is one of these texts."""
        digests = sorted({index_fields.digest(text) for text in texts})
        if self.name in parameter_fields.own_names():
            return f"{self._own_field}.{TEXT} IN [{', '.join(digests)}]"
        start = parameter_fields.shared_key(self.name, TEXT)
        return f"{self.shared_field} IN [{', '.join(start + one for one in digests)}]"

    def has_text(self) -> str:
        """Returns the condition that it is a text."""
        if self.name in parameter_fields.own_names():
            return f"{self._own_field}.{TEXT} EXISTS"
        return self.begins(TEXT, "")

    def begins(self, part: str, start: str) -> str:
        """Returns the condition that a key of the shared field begins like this."""
        return self._keys(part, start.ljust(NUMBER_DIGITS, "0"), start.ljust(NUMBER_DIGITS, "f"))

    @property
    def shared_field(self) -> str:
        return f"{self.prefix}{index_fields.OTHER_PARAMETERS}"

    @property
    def _own_field(self) -> str:
        return f"{self.prefix}{index_fields.PARAMETERS}.{index_fields.parameter_key(self.name)}"

    def _keys(self, part: str, first: str, last: str) -> str:
        start = parameter_fields.shared_key(self.name, part)
        return f"{self.shared_field} {start}{first} TO {start}{last}"
