"""Index fields of parameters: the indexer fills them, the gateway filters by them.

A parameter that a profile names has fields of its own, by which rows can be sorted and numbers
summed. All others share one field, because an index has at most 65 535 fields and each search
costs time for each of them. The values of the shared field are keys: name, part and value.
"""

import struct
from functools import cache

from portal_shared import profile
from portal_shared.search import index_fields

NUMBER, TEXT = "v", "s"  # parts: numbers as stored, digests of texts; others are dimension keys
NUMBER_DIGITS = 16  # hexadecimal, of sortable_number()
FACET_FIELDS = 64  # that the texts of parameters without own fields are spread over
_VERSION = 1  # of these fields; a new one makes the indexer send all records again
_SIGN = 1 << 63
_ALL_BITS = (1 << 64) - 1


@cache
def own_names() -> frozenset[str]:
    """Returns the parameters with fields of their own: all that a profile names."""
    found: set[str] = set()
    for name in profile.names():
        rules = profile.load(name)
        facets = (*rules.facets.documents, *rules.facets.datasets, *rules.site.facets)
        found.update(rules.parameters, (facet.removeprefix("parameter:") for facet in facets))
        for role in rules.site.roles.model_dump(exclude={"whole"}).values():
            found.update([role] if isinstance(role, str) else role or ())
    return frozenset(found)


@cache
def layout() -> str:
    """Returns the field that records have if their parameters are in the fields of this release.

    It changes with own_names(). Records without it are evaluated one by one. Like all fields here
    it has a name that filters could use before: searches go on while records are sent again.
    """
    names = "\n".join(sorted(own_names()))
    return f"{index_fields.FACETS}.y{index_fields.digest(f'{_VERSION} {names}')}"


def shared_key(parameter: str, part: str) -> str:
    """Returns the start of the shared field's values of a parameter and part."""
    return index_fields.parameter_key(parameter) + part


def sortable_number(number: float) -> str:
    """Returns a text that sorts like the number."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", float(number) + 0.0))  # no negative zero
    return f"{bits ^ (_ALL_BITS if bits & _SIGN else _SIGN):016x}"


def parse_sortable(text: str) -> float:
    bits = int(text, 16)
    (number,) = struct.unpack(
        ">d", struct.pack(">Q", bits ^ (_SIGN if bits & _SIGN else _ALL_BITS))
    )
    return number


def facet_field(parameter: str) -> str:
    """Returns the field with the texts of a parameter that are counted."""
    if parameter in own_names():
        return f"{index_fields.FACETS}.parameter.{index_fields.parameter_key(parameter)}"
    number = int(index_fields.digest(parameter), 16) % FACET_FIELDS
    return f"{index_fields.FACETS}.others.{number}"


def facet_start(parameter: str) -> str:
    """Returns what stands before each facet value of a parameter."""
    return "" if parameter in own_names() else index_fields.digest(parameter)
