"""What the chart gives to services is what their settings read; secrets are files."""

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from portal_shared.messaging import topology
from portal_shared.messaging.broker.settings import TopologySettings
from portal_shared.messaging.broker.wanted import CLIENTS
from portal_shared.runtime.settings import Settings

from tests.drivers.deployment import helm_chart
from tests.drivers.deployment.helm_chart import variables

SERVICES = ("ingest", "doi", "indexer", "downloader", "gateway")
NOT_OF_THE_MODELS = {"PORTAL_SECRETS_DIR"}
BOTH = pytest.mark.parametrize("values", helm_chart.VALUES)


def model_of(service: str) -> type[Settings]:
    if service == "topology":
        return TopologySettings
    found: type[Settings] = getattr(
        import_module(f"portal_{service}.settings"), f"{service.capitalize()}Settings"
    )
    return found


def names_of(model: type[Settings]) -> set[str]:
    return {f"PORTAL_{name.upper()}" for name in model.model_fields}


def secrets_of(model: type[Settings]) -> set[str]:
    return {
        f"PORTAL_{name.upper()}"
        for name, field in model.model_fields.items()
        if "SecretStr" in str(field.annotation)
    }


def container(values: str, kind: str, component: str) -> dict[str, Any]:
    spec = helm_chart.of_kind(values, kind)[component]["spec"]["template"]["spec"]
    (found,) = spec["containers"]
    return {**found, "volumes": spec["volumes"]}


def secret_files(found: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Returns Secret and key by the name of the file."""
    (sources,) = (v["projected"]["sources"] for v in found["volumes"] if v["name"] == "secrets")
    return {
        item["path"]: (source["secret"]["name"], item["key"])
        for source in sources
        for item in source["secret"]["items"]
    }


@BOTH
@pytest.mark.parametrize("service", [*SERVICES, "topology"])
def test_a_service_gets_settings_that_it_reads(
    values: str, service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(service)
    found = container(values, "Job" if service == "topology" else "Deployment", service)
    given = {n: v for n, v in variables(found).items() if n.startswith("PORTAL_")}
    assert given.keys() - NOT_OF_THE_MODELS <= names_of(model)
    assert not given.keys() & secrets_of(model), "secrets are files"
    files = secret_files(found)
    assert files.keys() <= secrets_of(model)
    for path in files:
        (tmp_path / path).write_text(f"secret of {path}")
        monkeypatch.delenv(path, raising=False)
    _set_variables(found, {**given, "PORTAL_SECRETS_DIR": str(tmp_path)}, monkeypatch)
    read = model()
    for path in files:
        value = getattr(read, path.removeprefix("PORTAL_").lower())
        assert value.get_secret_value() == f"secret of {path}"


def _set_variables(
    found: Mapping[str, Any], given: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sets the variables of the container; certificates must be below a mounted folder."""
    mounts = [mount["mountPath"] for mount in found["volumeMounts"]]
    for variable, value in given.items():
        if variable.endswith("_CA_FILE"):
            assert any(value.startswith(f"{mount}/") for mount in mounts)
        else:
            monkeypatch.setenv(variable, value)


@BOTH
def test_no_secret_is_in_an_environment(values: str) -> None:
    for pod_name, pod in helm_chart.pods(values):
        for one in pod["spec"]["containers"]:
            for entry in one.get("env", []):
                assert "valueFrom" not in entry, pod_name
            assert "envFrom" not in one


@BOTH
def test_a_service_gets_no_secret_of_another(values: str) -> None:
    files = {s: secret_files(container(values, "Deployment", s)) for s in SERVICES}
    files["topology"] = secret_files(container(values, "Job", "topology"))
    shared = {"PORTAL_AMQP_URL", "PORTAL_MONGO_URL", "PORTAL_OPERATOR_TOKEN"}
    own = {service: set(found) - shared for service, found in files.items()}
    assert own["ingest"] == {"PORTAL_ICAT_PASSWORD"}
    assert own["doi"] == {"PORTAL_DATACITE_PASSWORD"}
    assert own["indexer"] == {"PORTAL_MEILISEARCH_KEY"}
    assert own["downloader"] <= {"PORTAL_TAPE_TOKEN"}
    assert own["gateway"] <= {"PORTAL_MEILISEARCH_KEY", "PORTAL_SMTP_PASSWORD"}
    clients = (*SERVICES, *CLIENTS) if values == "full" else ()
    assert set(files["topology"]) == {
        "PORTAL_AMQP_URL",
        *(f"PORTAL_AMQP_URL_{client.upper()}" for client in clients),
        *(["PORTAL_AMQP_MANAGEMENT_URL"] if values == "full" else []),
    }
    for client in clients:
        own = files["topology"][f"PORTAL_AMQP_URL_{client.upper()}"]
        assert own == ("portal-rabbitmq", f"url-{client}")
    if values == "full":
        users = {service: found["PORTAL_AMQP_URL"] for service, found in files.items()}
        assert users == {service: ("portal-rabbitmq", f"url-{service}") for service in users}


def test_the_queues_that_scale_a_service_are_those_that_it_consumes() -> None:
    for service, found in helm_chart.of_kind("full", "ScaledObject").items():
        queues = {
            trigger["metadata"]["queueName"]
            for trigger in found["spec"]["triggers"]
            if trigger["type"] == "rabbitmq"
        }
        assert queues == set(topology.queues_of(service)) - {topology.JOBS}


def test_the_addresses_of_services_are_names_of_services() -> None:
    addresses = {
        value
        for _, pod in helm_chart.pods("full")
        for one in pod["spec"]["containers"]
        for value in variables(one).values()
        if ".svc.cluster.local" in value and f".{helm_chart.NAMESPACE}." in value
    }
    services = {helm_chart.name(s) for s in helm_chart.of_kind("full", "Service").values()}
    assert addresses <= {
        f"http://{name}.{helm_chart.NAMESPACE}.svc.cluster.local:8000" for name in services
    }
    assert len(addresses) == 3


def test_values_of_settings_are_refused_in_any_other_service() -> None:
    schema = json.loads((helm_chart.FOLDER / "values.schema.json").read_text("utf-8"))
    for service in (*SERVICES, "topology"):
        listed = schema["$defs"][f"env-{service}"]["properties"].keys()
        assert listed == names_of(model_of(service)) - secrets_of(model_of(service))
