"""The Helm chart, rendered by Helm itself (as a library), without a cluster."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import yaml

FOLDER = Path(__file__).parents[3] / "deploy" / "helm" / "portal"
VALUES = ("minimal", "full")
NAMESPACE = "science"
Resource = dict[str, Any]


def values_of(name: str) -> dict[str, Any]:
    """Returns the values of ci/NAME-values.yaml."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / "ci" / f"{name}-values.yaml").read_text())
    return found


def render(values: dict[str, Any]) -> list[Resource]:
    """Returns the resources that Helm makes of values. Raises errors of helm_python."""
    with helm_python.Chart.load(FOLDER) as chart:
        rendered = chart.render(values, name="demo", namespace=NAMESPACE)
    texts = (text for name, text in sorted(rendered.items()) if name.endswith(".yaml"))
    return [one for text in texts for one in yaml.load_all(text, yaml.CSafeLoader) if one]


@cache
def resources(values: str) -> list[Resource]:
    """Returns the resources of ci/NAME-values.yaml, rendered once."""
    return render(values_of(values))


def of_kind(values: str, kind: str) -> dict[str, Resource]:
    """Returns the resources of a kind by their component, or else by name."""
    return {
        found["metadata"]["labels"].get("app.kubernetes.io/component", name(found)): found
        for found in resources(values)
        if found["kind"] == kind
    }


def name(resource: Resource) -> str:
    return str(resource["metadata"]["name"])


def pods(values: str) -> Iterator[tuple[str, Resource]]:
    """Returns name and pod template of everything that makes pods."""
    for found in resources(values):
        if found["kind"] == "Pod":
            yield name(found), found
        elif "template" in found.get("spec", {}):
            yield name(found), found["spec"]["template"]


def variables(container: Resource) -> dict[str, str]:
    """Returns the environment of a container."""
    return {entry["name"]: entry.get("value", "") for entry in container.get("env", [])}
