"""People of the index: a facet value is an identifier, a tab and a name.

The same person may have several names, as the records write them.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from portal_shared.search import index_fields


@dataclass(frozen=True)
class CountedPerson:
    """A person, with the names of the records; the name of most records is first."""

    identifier: str  # ORCID iD, or that of the source
    names: tuple[str, ...]
    count: int  # datasets


def count_people(distribution: Mapping[str, int]) -> dict[str, CountedPerson]:
    """Returns the people of a facet distribution by identifier."""
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for stored, count in distribution.items():
        identifier, _, name = (index_fields.parse_facet_value(stored) or "").partition("\t")
        if name:
            counts[identifier][name] = count
    return {
        identifier: CountedPerson(
            identifier,
            tuple(sorted(names, key=lambda name: (-names[name], name))),
            sum(names.values()),
        )
        for identifier, names in counts.items()
    }
