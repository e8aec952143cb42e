"""Metrics of doi: calls of DataCite, identifiers by outcome."""

from portal_shared.runtime.metrics import Calls, counter_from_zero

DATACITE_CALLS = Calls("datacite", "DataCite")
IDENTIFIERS = counter_from_zero(
    "portal_identifiers",
    "Records whose identifier was decided",
    "outcome",
    ("draft", "registered", "findable", "adopted", "failed", "retried"),
)
