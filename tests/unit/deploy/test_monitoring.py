"""Alerts and dashboards use metrics that exist, in expressions that Prometheus reads."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from portal_shared.runtime.metrics import REGISTRY
from portal_shared.service.metrics import GAUGES

from tests.drivers.deployment import helm_chart

ROOT = Path(__file__).parents[3]
MONITORING = ROOT / "deploy" / "monitoring"
RUNBOOKS = ROOT / "deploy" / "runbooks"
SERVICES = ("ingest", "doi", "indexer", "downloader", "gateway")
OF_PROMETHEUS = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
NAME = re.compile(r"\b(?:portal|process)_[a-z_]+\b|\bup\b")


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((MONITORING / "rules.yaml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboards() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((MONITORING / "dashboards").glob("*.json")):
        yield path.stem, json.loads(path.read_text("utf-8"))


def scaling() -> list[str]:
    return [
        trigger["metadata"]["query"]
        for found in helm_chart.of_kind("full", "ScaledObject").values()
        for trigger in found["spec"]["triggers"]
        if trigger["type"] == "prometheus"
    ]


def expressions() -> list[str]:
    shown = [
        target["expr"].replace("$__rate_interval", "5m")
        for _, board in dashboards()
        for panel in board["panels"]
        for target in panel["targets"]
    ]
    return [*shown, *(rule["expr"] for rule in rules()), *scaling()]


INCREASE = re.compile(r"increase\((\w+_total)\{(\w+)=\"(\w+)\"\}")


def test_alerts_on_an_increase_see_the_first_failure() -> None:
    """Prometheus takes the first value of a series for none: it must be there as 0 before."""
    for service in SERVICES:
        import_module(f"portal_{service}.metrics")
    wanted = {m.groups() for rule in rules() for m in INCREASE.finditer(rule["expr"])}
    assert len(wanted) > 2
    there = {
        (sample.name, label, value)
        for metric in REGISTRY.collect()
        for sample in metric.samples
        for label, value in sample.labels.items()
    }
    assert wanted - there == set()


def test_the_collector_takes_what_the_services_send() -> None:
    """Each part of its pipeline is configured; nothing else is, and OTLP comes over HTTP."""
    found = yaml.safe_load((MONITORING / "collector.yaml").read_text("utf-8"))
    (pipeline,) = found["service"]["pipelines"].values()
    for kind, names in pipeline.items():
        assert found[kind].keys() == set(names)
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    endpoint = found["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert endpoint.endswith(":4318")
    part = compose["services"]["collector"]
    assert part["profiles"] == compose["services"]["prometheus"]["profiles"] == ["monitoring"]
    (mount,) = part["volumes"]
    source, target, _ = mount.split(":")
    assert (ROOT / source).is_file()
    assert part["command"] == [f"--config={target}"]
    assert "back" in part["networks"], "where the services are"


@pytest.fixture(scope="module")
def metrics() -> set[str]:
    """The names in /metrics of all services."""
    for service in SERVICES:
        import_module(f"portal_{service}.metrics")
    return {
        f"{family.name}{suffix}"
        for family in REGISTRY.collect()
        for suffix in SUFFIXES[family.type]
    } | set(GAUGES)


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_is_promql_over_metrics_that_exist(
    expression: str, metrics: set[str]
) -> None:
    promql_parser.parse(expression)
    without_texts = re.sub(r'"[^"]*"', "", expression)
    used = set(NAME.findall(without_texts))
    assert used
    assert used <= metrics | OF_PROMETHEUS


def test_every_alert_has_a_runbook_that_names_it() -> None:
    for rule in rules():
        path = ROOT / rule["annotations"]["runbook"]
        assert rule["alert"] in path.read_text("utf-8"), path
        assert rule["labels"]["severity"] in ("critical", "warning")


def test_the_chart_has_the_rules_and_dashboards_of_this_folder() -> None:
    (resource,) = helm_chart.of_kind("full", "PrometheusRule").values()
    assert resource["spec"] == yaml.safe_load((MONITORING / "rules.yaml").read_text("utf-8"))
    shown = {
        name: json.loads(content)
        for found in helm_chart.resources("full")
        if "grafana_dashboard" in found["metadata"]["labels"]
        for name, content in found["data"].items()
    }
    assert shown == {f"portal-{stem}.json": board for stem, board in dashboards()}


def test_panels_have_a_sentence_and_ids_of_their_own() -> None:
    for stem, board in dashboards():
        assert board["uid"] == f"portal-{stem}"
        assert all(panel["description"] for panel in board["panels"])
        identifiers = [panel["id"] for panel in board["panels"]]
        assert len(identifiers) == len(set(identifiers))


def test_prometheus_accepts_the_rules_and_they_fire() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: it is part of Prometheus")
    for command in (["check", "rules", "rules.yaml"], ["test", "rules", "rules_test.yaml"]):
        done = subprocess.run(
            [promtool, *command], cwd=MONITORING, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_compose_scrapes_every_service() -> None:
    found = yaml.safe_load((MONITORING / "prometheus.yaml").read_text("utf-8"))
    jobs = {job["job_name"]: job for job in found["scrape_configs"]}
    assert jobs.keys() == {*SERVICES, "collector"}
    for name, job in jobs.items():
        assert job["dns_sd_configs"][0]["names"] == [name]
