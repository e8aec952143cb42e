"""The Helm chart makes valid resources for restricted namespaces, and refuses wrong values."""

from collections.abc import Mapping
from typing import Any, cast

import helm_python
import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.drivers.deployment import crd_schemas, helm_chart
from tests.drivers.deployment.helm_chart import Resource, name

KUBERNETES = "1.37"
INFO = 1  # severity of Helm's findings; above are warnings and errors
BOTH = pytest.mark.parametrize("values", helm_chart.VALUES)


def test_it_passes_helms_own_checks() -> None:
    findings = helm_python.lint(helm_chart.FOLDER, helm_chart.values_of("full"))
    assert [f for f in findings["messages"] if f["severity"] > INFO] == []


@BOTH
def test_every_resource_is_valid(values: str) -> None:
    for resource in helm_chart.resources(values):
        schema = crd_schemas.SCHEMAS.get(resource["kind"])
        if schema:
            validator: Any = Draft202012Validator(schema)
            validator.validate(resource)
        else:
            kubernetes_validate.validate(resource, KUBERNETES, strict=True)


@BOTH
def test_no_two_resources_have_one_name(values: str) -> None:
    names = [(found["kind"], name(found)) for found in helm_chart.resources(values)]
    assert len(names) == len(set(names))


@BOTH
def test_all_pods_are_restricted(values: str) -> None:
    """As the level `restricted` of Kubernetes' Pod Security Standards wants it, and more."""
    for pod_name, pod in helm_chart.pods(values):
        spec = pod["spec"]
        assert spec["securityContext"]["runAsUser"] == 10001, pod_name
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        kinds = {kind for volume in spec.get("volumes", []) for kind in volume if kind != "name"}
        assert kinds <= {"projected", "emptyDir", "configMap", "persistentVolumeClaim"}
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert {"requests", "limits"} <= container["resources"].keys()


@BOTH
def test_volumes_and_mounts_belong_together(values: str) -> None:
    for pod_name, pod in helm_chart.pods(values):
        volumes = {volume["name"] for volume in pod["spec"].get("volumes", [])}
        for container in pod["spec"]["containers"]:
            mounts = [mount["name"] for mount in container.get("volumeMounts", [])]
            assert set(mounts) == volumes, pod_name


@BOTH
def test_every_selector_finds_pods(values: str) -> None:
    labels = [pod["metadata"]["labels"] for _, pod in helm_chart.pods(values)]
    for resource in helm_chart.resources(values):
        for wanted in _selectors(resource):
            assert any(wanted.items() <= found.items() for found in labels), (
                name(resource),
                wanted,
            )


def _selectors(resource: Resource) -> list[Mapping[str, str]]:
    spec = resource.get("spec", {})
    match resource["kind"]:
        case "Service":
            return [spec["selector"]]
        case "Deployment" | "PodDisruptionBudget":
            return [spec["selector"]["matchLabels"]]
        case "NetworkPolicy":
            peers = [
                peer["podSelector"]["matchLabels"]
                for rule in (*spec.get("ingress", []), *spec.get("egress", []))
                for peer in (*rule.get("from", []), *rule.get("to", []))
                if peer.keys() == {"podSelector"}
            ]
            return [spec["podSelector"]["matchLabels"], *peers]
        case _:
            return []


def test_monitors_and_scalers_lead_to_what_exists() -> None:
    services = helm_chart.of_kind("full", "Service")
    (monitor,) = helm_chart.of_kind("full", "ServiceMonitor").values()
    (expression,) = monitor["spec"]["selector"]["matchExpressions"]
    assert set(expression["values"]) <= services.keys()
    deployments = {name(found) for found in helm_chart.of_kind("full", "Deployment").values()}
    scaled = [
        found["spec"]["scaleTargetRef"]["name"]
        for kind in ("ScaledObject", "HorizontalPodAutoscaler")
        for found in helm_chart.of_kind("full", kind).values()
    ]
    assert len(scaled) == len(set(scaled)) == 5
    assert set(scaled) <= deployments
    for deployment in helm_chart.of_kind("full", "Deployment").values():
        assert ("replicas" in deployment["spec"]) == (name(deployment) not in scaled)


def test_figures_are_read_from_the_port_of_operators() -> None:
    """Each Service has a port `operators`; where readers have a port, it is another one."""
    deployments = helm_chart.of_kind("full", "Deployment")
    policies = helm_chart.of_kind("full", "NetworkPolicy")
    for service, found in helm_chart.of_kind("full", "Service").items():
        targets = {port["name"]: port["targetPort"] for port in found["spec"]["ports"]}
        if service in ("site", "nginx"):
            assert "operators" not in targets
            continue
        for_readers = service in ("gateway", "downloader")
        assert targets["operators"] == ("operators" if for_readers else "http")
        (container,) = deployments[service]["spec"]["template"]["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert set(targets.values()) == ports.keys()
        assert container["readinessProbe"]["httpGet"]["port"] == "http"
        assert container["livenessProbe"]["httpGet"]["port"] == targets["operators"]
        if for_readers:
            given = helm_chart.variables(container)
            assert given["PORTAL_OPERATOR_PORT"] == str(ports["operators"])
        for rule in policies[service]["spec"]["ingress"]:
            peers = [p["podSelector"]["matchLabels"] for p in rule["from"] if "podSelector" in p]
            is_portal = any("app.kubernetes.io/component" in labels for labels in peers)
            expected = "http" if is_portal else targets["operators"]
            assert rule["ports"] == [{"port": expected}]
    (monitor,) = helm_chart.of_kind("full", "ServiceMonitor").values()
    assert [e["port"] for e in monitor["spec"]["endpoints"]] == ["operators"]


def test_nothing_is_open_but_what_a_policy_names() -> None:
    """By default a pod of the portal is reached by nobody, and reaches nothing."""
    policies = helm_chart.of_kind("full", "NetworkPolicy")
    deny = policies.pop("demo-portal-deny")
    assert deny["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & deny["spec"].keys()
    reached = {
        component: {
            peer["podSelector"]["matchLabels"].get("app.kubernetes.io/component", "prometheus")
            for rule in policy["spec"].get("ingress", [])
            for peer in rule.get("from", [])
            if "podSelector" in peer
        }
        for component, policy in policies.items()
    }
    assert reached == {
        "ingest": {"prometheus"},
        "doi": {"prometheus"},
        "indexer": {"prometheus"},
        "downloader": {"gateway", "nginx", "prometheus"},
        "gateway": {"site", "nginx", "prometheus"},
        "site": {"nginx"},
        "nginx": {"test"},
        "topology": set(),
        "test": set(),
    }


def test_a_downloader_with_a_volume_of_one_node_is_alone() -> None:
    values = helm_chart.values_of("minimal") | {"cache": {"accessMode": "ReadWriteOnce"}}
    resources = helm_chart.render(values)
    downloader, nginx = (
        next(r for r in resources if r["kind"] == "Deployment" and name(r).endswith(suffix))
        for suffix in ("-downloader", "-nginx")
    )
    assert downloader["spec"]["strategy"] == {"type": "Recreate"}
    assert "podAffinity" in nginx["spec"]["template"]["spec"]["affinity"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"siteUrl": "data.example.org"}, "siteUrl"),
        ({"services": {"doi": {"replica": 2}}}, "replica"),
        ({"services": {"doi": {"env": {"PORTAL_DATACITE_RAT": 3}}}}, "PORTAL_DATACITE_RAT"),
        ({"services": {"doi": {"env": {"PORTAL_DATACITE_PASSWORD": "x"}}}}, "PASSWORD"),
        ({"services": {"gateway": {"scaling": {"cpu": 200}}}}, "cpu"),
        ({"external": {"rabbitmq": {"existingSecret": ""}}}, "existingSecret"),
        ({"external": {"datacite": {"prefix": "11.5072"}}}, "prefix"),
        ({"external": {"tape": {"url": ""}}}, "url"),
        ({"cache": {"size": "much"}}, "size"),
        ({"image": {"digests": {"doi": "sha256:12"}}}, "digests"),
        ({"mongodb": {"enabled": True}}, "mongodb"),
        (
            {"services": {"downloader": {"replicas": 2}}, "cache": {"accessMode": "ReadWriteOnce"}},
            "services.downloader.replicas",
        ),
        ({"services": {"doi": {"scaling": {"enabled": True}}}}, "scaling.prometheusUrl"),
        ({"monitoring": {"serviceMonitor": True}}, "operator.existingSecret"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_value_is_refused_by_name(change: dict[str, Any], words: str) -> None:
    with pytest.raises(helm_python.HelmError, match=words):
        helm_chart.render(_merged(helm_chart.values_of("minimal"), change))


def _merged(values: Any, change: Any) -> Any:
    """Returns the values with the change; tables are merged, at any depth."""
    if not isinstance(change, dict):
        return change
    changes = cast("dict[str, Any]", change)
    return values | {key: _merged(values.get(key, {}), new) for key, new in changes.items()}


def test_the_version_is_that_of_the_platform() -> None:
    chart = yaml.safe_load((helm_chart.FOLDER / "Chart.yaml").read_text())
    platform = yaml.safe_load((helm_chart.FOLDER.parents[2] / "CITATION.cff").read_text())
    assert chart["version"] == chart["appVersion"] == platform["version"]
