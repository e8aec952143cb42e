"""docker-compose.yml gives each service its own settings, secrets and networks."""

import re
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from portal_shared.messaging.broker.settings import TopologySettings
from portal_shared.messaging.broker.wanted import CLIENTS, wanted
from portal_shared.runtime.settings import ReadersSettings, Settings

ROOT = Path(__file__).parents[3]
SECRETS = ROOT / "deploy" / "compose" / "trial-secrets"
SERVICES = ("ingest", "doi", "indexer", "downloader", "gateway")
FRONT = {"nginx", "site", "gateway", "downloader"}
NOT_OF_THE_MODELS = {"PORTAL_SECRETS_DIR", "FORWARDED_ALLOW_IPS"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return found


def model_of(service: str) -> type[Settings]:
    if service == "topology":
        return TopologySettings
    module = import_module(f"portal_{service}.settings")
    found: type[Settings] = getattr(module, f"{service.capitalize()}Settings")
    return found


def secrets_of(part: dict[str, Any]) -> dict[str, str]:
    """Returns the file of each secret by the name that it has inside the container."""
    listed = part.get("secrets", [])
    return {
        (one if isinstance(one, str) else one["target"]): (
            one if isinstance(one, str) else one["source"]
        )
        for one in listed
    }


@pytest.mark.parametrize("service", [*SERVICES, "topology"])
def test_a_service_gets_settings_that_it_reads_and_secrets_as_files(
    compose: dict[str, Any], service: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fields = model_of(service).model_fields
    secret = {n for n, field in fields.items() if "SecretStr" in str(field.annotation)}
    part = compose["services"][service]
    given = part["environment"].keys() - NOT_OF_THE_MODELS
    assert given <= {f"PORTAL_{name.upper()}" for name in fields.keys() - secret}
    monkeypatch.setenv("PORTAL_SECRETS_DIR", str(tmp_path))
    texts = {
        variable: (SECRETS / file).read_text("utf-8") for variable, file in secrets_of(part).items()
    }
    for variable, text in texts.items():
        monkeypatch.delenv(variable, raising=False)
        (tmp_path / variable).write_text(text)
    read = model_of(service)()
    for variable, text in texts.items():
        name = variable.removeprefix("PORTAL_").lower()
        assert name in secret
        assert getattr(read, name).get_secret_value() == text.strip()


def test_every_secret_has_a_file_and_is_read_by_someone(compose: dict[str, Any]) -> None:
    wanted = {n for part in compose["services"].values() for n in secrets_of(part).values()}
    assert wanted == compose["secrets"].keys()
    assert all((SECRETS / name).is_file() for name in wanted)


def test_each_service_has_the_user_of_the_broker_that_is_made_for_it(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTAL_SECRETS_DIR", str(SECRETS))
    accounts = [account.name for account in wanted(TopologySettings()).accounts]
    assert accounts == [*SERVICES, *CLIENTS]
    for client in (*SERVICES, "cli"):
        file = secrets_of(compose["services"][client])["PORTAL_AMQP_URL"]
        assert file == f"PORTAL_AMQP_URL_{client.upper()}"
        assert f"//{client}:" in (SECRETS / file).read_text("utf-8")


def test_figures_are_read_from_the_port_of_operators(compose: dict[str, Any]) -> None:
    path = ROOT / "deploy" / "monitoring" / "prometheus.yaml"
    jobs = yaml.safe_load(path.read_text("utf-8"))["scrape_configs"]
    ports = {job["job_name"]: job["dns_sd_configs"][0]["port"] for job in jobs}
    assert ports.pop("collector") == 8888
    assert ports.keys() == set(SERVICES)
    command = compose["services"]["cli"]["environment"]
    for service, port in ports.items():
        for_readers = issubclass(model_of(service), ReadersSettings)
        assert port == (8001 if for_readers else 8000)
        assert command[f"PORTAL_{service.upper()}_URL"] == f"http://{service}:{port}"
        given = compose["services"][service]["environment"]
        assert ("PORTAL_OPERATOR_HOST" in given) == for_readers
    assert ReadersSettings.model_fields["operator_port"].default == 8001


def test_readers_reach_only_what_serves_them(compose: dict[str, Any]) -> None:
    networks = {name: set(part.get("networks", ())) for name, part in compose["services"].items()}
    assert {name for name, found in networks.items() if "front" in found} == FRONT
    assert networks["nginx"] == networks["site"] == {"front"}
    published = {n: part["ports"] for n, part in compose["services"].items() if "ports" in part}
    assert published.pop("nginx")
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_a_server_of_a_secret_has_the_same_secret() -> None:
    rabbitmq = dict(
        line.split(" = ") for line in (SECRETS / "rabbitmq.conf").read_text().splitlines()
    )
    url = (SECRETS / "PORTAL_AMQP_URL").read_text()
    assert f"//{rabbitmq['default_user']}:{rabbitmq['default_pass']}@" in url
    key = (SECRETS / "PORTAL_MEILISEARCH_KEY").read_text().strip()
    assert f'master_key = "{key}"' in (SECRETS / "meilisearch.toml").read_text()


def test_what_runs_ends_well_and_is_checked_at_little_cost(compose: dict[str, Any]) -> None:
    for name, part in compose["services"].items():
        if part.get("restart") != "unless-stopped":
            continue
        assert part["init"] is True, name
        assert part["security_opt"] == ["no-new-privileges:true"]
        if name == "collector":
            continue  # its image has nothing that could check it
        assert part["healthcheck"]["interval"] in ("30s", "10s"), name
        if name in SERVICES:
            assert part["stop_grace_period"] == "40s"
            assert part["cap_drop"] == ["ALL"]


def test_other_systems_take_the_place_of_parts_that_exist(compose: dict[str, Any]) -> None:
    other = yaml.safe_load((ROOT / "deploy" / "compose" / "external.yml").read_text("utf-8"))
    assert other["services"].keys() < compose["services"].keys()
    for service in (*SERVICES, "topology"):
        for name, condition in compose["services"][service]["depends_on"].items():
            if name in other["services"]:
                assert condition["required"] is False, (service, name)


def image_variables() -> dict[str, set[str]]:
    """The images that may be pinned, by their variables, of composition and Dockerfiles."""
    found: dict[str, set[str]] = {}
    given = (ROOT / "docker-compose.yml").read_text("utf-8")
    for name, image in re.findall(r"\$\{(\w+_IMAGE):-([^}]+)\}", given):
        found.setdefault(name, set()).add(image)
    for file in ("Dockerfile", "site.Dockerfile"):
        text = (ROOT / "deploy" / file).read_text("utf-8")
        for name, image in re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", text, re.MULTILINE):
            found.setdefault(name, set()).add(image)
    return found


def test_every_image_can_be_pinned(compose: dict[str, Any]) -> None:
    for name, part in compose["services"].items():
        assert "build" in part or str(part["image"]).startswith("${"), name
        arguments = part.get("build", {}).get("args", {})
        assert {"PYTHON_IMAGE", "UV_IMAGE"} <= arguments.keys() or "PACKAGE" not in arguments
    assert {name: len(images) for name, images in image_variables().items()} == dict.fromkeys(
        image_variables(), 1
    )


def test_digests_are_those_that_the_registries_give(tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text(
        "#!/bin/sh\n"
        'for image; do :; done\n[ "$1" = pull ] && exit 0\n'
        'echo "${image%:*}@sha256:$(echo "$image" | sha256sum | cut -c-64)"\n'
    )
    docker.chmod(0o755)
    pinned = "nginx:1.28-alpine@sha256:" + "0" * 64
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "NGINX_IMAGE": pinned}
    printed = subprocess.run(
        [ROOT / "deploy" / "pin-images"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    lines = dict(line.split("=", 1) for line in printed.splitlines())
    assert lines.keys() == image_variables().keys()
    assert lines.pop("NGINX_IMAGE") == pinned
    for name, image in lines.items():
        [tag] = image_variables()[name]
        assert re.fullmatch(rf"{re.escape(tag)}@sha256:[0-9a-f]{{64}}", image), name
