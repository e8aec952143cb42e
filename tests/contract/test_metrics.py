"""docs/metrics.md lists every metric of every service: dashboards and alerts are made from it."""

import importlib
import re
from pathlib import Path
from typing import Any

from portal_shared.runtime.metrics import REGISTRY
from portal_shared.service.metrics import GAUGES

SERVICES = ("ingest", "doi", "indexer", "gateway", "downloader")
DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"
ROW = re.compile(
    r"^\| `(?P<name>portal_\w+)` \| (?P<kind>\w+) \| (?P<labels>[^|]*) \|", re.MULTILINE
)


def documented() -> dict[str, tuple[str, tuple[str, ...]]]:
    text = DOCUMENT.read_text("utf-8")
    return {
        row["name"]: (row["kind"], tuple(re.findall(r"`(\w+)`", row["labels"])))
        for row in ROW.finditer(text)
    }


def registered() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Returns kind and labels of every metric by the name that Prometheus stores."""
    for service in SERVICES:
        importlib.import_module(f"portal_{service}.metrics")
    found = {name: ("gauge", labels) for name, (_, labels) in GAUGES.items()}
    registry: Any = REGISTRY
    for collector in set(registry._collector_to_names):
        (family,) = collector.describe()
        name = family.name + ("_total" if family.type == "counter" else "")
        found[name] = (family.type, tuple(collector._labelnames))
    return found


def test_every_metric_is_documented_with_its_kind_and_labels() -> None:
    assert documented() == registered()
