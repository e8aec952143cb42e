"""Metrics of doi: calls of DataCite, identifiers by outcome."""

from portal_shared.runtime.metrics import REGISTRY, Calls
from prometheus_client import Counter

DATACITE_CALLS = Calls("datacite", "DataCite")
IDENTIFIERS = Counter(
    "portal_identifiers",
    "Records whose identifier was decided; outcome: draft,"
    " registered, findable, adopted, failed, retried",
    ["outcome"],
    registry=REGISTRY,
)
