"""Prometheus metrics of a service, made from its status at the moment of the request."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

StatusFields = Mapping[str, Any]


def render(
    service: str,
    status: StatusFields,
    *,
    outcomes: Mapping[str, int],
    age_by_queue: Mapping[str, float],
) -> bytes:
    """Returns the text of /metrics: queue ages, message outcomes and all numbers of the status."""
    ages = GaugeMetricFamily(
        "portal_queue_age_seconds", "Since the last delivery", labels=["queue"]
    )
    for queue, age in age_by_queue.items():
        ages.add_metric([queue], age)
    messages = GaugeMetricFamily(
        "portal_messages", "Messages handled since the start", labels=["result"]
    )
    for result, count in outcomes.items():
        messages.add_metric([result], count)
    figures = GaugeMetricFamily("portal_status", "Numbers of /status", labels=["service", "name"])
    for name, value in _numbers(status):
        figures.add_metric([service, name], value)
    registry = CollectorRegistry()
    registry.register(_Metrics(ages, messages, figures))
    return generate_latest(registry)


class _Metrics:
    """A collector of metrics that are already made."""

    def __init__(self, *metrics: Metric) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _numbers(fields: StatusFields, prefix: str = "") -> list[tuple[str, float]]:
    """Returns every number of nested fields by its dotted name."""
    found: list[tuple[str, float]] = []
    for name, value in fields.items():
        if isinstance(value, bool):
            continue
        if isinstance(value, int | float):
            found.append((prefix + name, float(value)))
        elif isinstance(value, dict):
            found += _numbers(cast("StatusFields", value), f"{prefix}{name}.")
    return found
