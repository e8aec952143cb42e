"""Buckets of histograms: the preferred numbers R20, twenty to a decade (ISO 3).

The indexer stores the bucket of a number, the gateway counts it. A bucket reaches from its own
number up to the next one. Positive numbers only: others are in no bucket.
"""

import math
from bisect import bisect_right
from functools import cache

from portal_shared import profile

R20 = (1.0, 1.12, 1.25, 1.4, 1.6, 1.8, 2.0, 2.24, 2.5, 2.8,
       3.15, 3.55, 4.0, 4.5, 5.0, 5.6, 6.3, 7.1, 8.0, 9.0)  # fmt: skip
STEPS = len(R20)
SIZE = "size"  # the field with the bytes of a dataset's files
_ROUNDING = 1e-9  # relative: 2.5 that was computed as 2.4999999999 is in the bucket of 2.5


def bucket(number: float) -> int | None:
    """Returns the bucket of a positive number, else None."""
    if not 0 < number < math.inf:
        return None
    decade = math.floor(math.log10(number) + _ROUNDING)
    within = number / 10.0**decade * (1 + _ROUNDING)
    return decade * STEPS + max(0, bisect_right(R20, within) - 1)


def start(index: int) -> float:
    """Returns the number at which a bucket starts."""
    decade, place = divmod(index, STEPS)
    return float(f"{R20[place]}e{decade}")


@cache
def units_of_ranges() -> dict[str, str]:
    """Returns the parameters that have buckets, with the unit of these: facets of any profile."""
    found: dict[str, str] = {}
    for name in profile.names():
        rules = profile.load(name)
        facets = (
            *rules.site.facets,
            *(f.removeprefix("parameter:") for f in rules.facets.datasets),
        )
        for facet in facets:
            rule = rules.parameters.get(facet)
            if rule and rule.unit is not None:
                found.setdefault(facet, rule.unit)
    return found
