"""The text of /metrics: the registry of the process, and gauges from memory. It never fails.

No database and no broker is queried here: the figures are those of the last look.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, cast

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector

from portal_shared.runtime.metrics import REGISTRY

GAUGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "portal_build_info": ("Always 1; the version of the service", ("service", "version")),
    "portal_probe_up": ("1 if the probe passes; probe: live, ready, startup", ("probe",)),
    "portal_check_up": ("1 if the check passed at the last look, else 0", ("check",)),
    "portal_worker_silent_seconds": (
        "Time since the step under way of a worker moved on; 0 while it has nothing to do",
        ("worker",),
    ),
    "portal_queue_age_seconds": ("Time since the last delivery, canaries included", ("queue",)),
    "portal_queue_messages": (
        "Messages that wait in a queue of this service, its dead letters included",
        ("queue",),
    ),
    "portal_pending": ("Work that waits in the database of this service", ()),
    "portal_outbox_rows": ("Events that wait in the outbox", ()),
    "portal_outbox_age_seconds": ("Age of the oldest event in the outbox", ()),
    "portal_figures_age_seconds": ("Age of the figures from database and broker", ()),
    "portal_status": ("Numbers of /status, by dotted name", ("service", "name")),
}

_process = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=_process)


class _Metrics:
    """A collector of metrics that are already made."""

    def __init__(self, *metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from chain.from_iterable(self._metrics)


def render(
    gauges: Mapping[str, Mapping[tuple[str, ...], float]], accept: str = ""
) -> tuple[bytes, str]:
    """Returns the text and its media type; `gauges` has the values of GAUGES by their labels.

    It is OpenMetrics, which has exemplars, if the request's header Accept names it.
    """
    families: list[Metric] = []
    for name, (documentation, labels) in GAUGES.items():
        family = GaugeMetricFamily(name, documentation, labels=labels)
        for values, number in gauges.get(name, {}).items():
            family.add_metric(values, number)
        families.append(family)
    encode, media_type = choose_encoder(accept)
    return encode(_Metrics(REGISTRY.collect(), families, _process.collect())), media_type


def numbers(fields: Mapping[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    """Returns every number of nested fields by its dotted name."""
    found: list[tuple[str, float]] = []
    for name, value in fields.items():
        if isinstance(value, bool):
            continue
        if isinstance(value, int | float):
            found.append((prefix + name, float(value)))
        elif isinstance(value, dict):
            found += numbers(cast("Mapping[str, Any]", value), f"{prefix}{name}.")
    return found
