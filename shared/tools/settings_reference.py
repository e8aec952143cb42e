"""Writes what follows from the settings' models: docs/settings.md, and the names of the Helm chart.

Run by `make contracts`. The sentence of a setting is the comment beside it in its model.
"""

import ast
import json
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from portal_shared.messaging.broker.settings import TopologySettings
from portal_shared.runtime.settings import Settings
from pydantic import SecretStr
from pydantic.fields import FieldInfo

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "settings.md"
SCHEMA = ROOT / "deploy" / "helm" / "portal" / "values.schema.json"
SERVICES = ("ingest", "doi", "indexer", "downloader", "gateway")
TOPOLOGY = "topology"  # `portal-topology`, which prepares the broker before the services start
PREFIX = "PORTAL_"
UNITS = (  # the first word that a name or sentence has
    "seconds", "bytes", "voxels", "files", "downloads", "notices", "tapes", "calls per second",
)  # fmt: skip

HEAD = f"""# Settings

Made by `make contracts` from the models in `services/*/src/*/settings.py` and
`shared/src/portal_shared/runtime/settings.py`. A setting is an environment variable, or a file with
its name in the folder `{PREFIX}SECRETS_DIR`; the variable wins. A value that is not valid ends the
service at its start with the name of the setting. Lists and tables are JSON. Secrets belong into
files. The names and files of the Helm chart and of Docker Compose are checked against these.
"""

TOPOLOGY_HEAD = """`portal-topology` and `portal topology` also read `PORTAL_AMQP_URL` and
`PORTAL_RETRY_DELAYS`. Users are made with the names and passwords of the addresses."""
NONE = "none"
OTHERS = (  # variables, who reads them, purpose
    ("PORTAL_SECRETS_DIR", "all services, `portal-topology`", "folder with one file per setting"),
    (
        "FORWARDED_ALLOW_IPS",
        "gateway, downloader (uvicorn)",
        "addresses whose `X-Forwarded-For` is believed; default: this machine",
    ),
    (
        (
            "PORTAL_URL, PORTAL_INGEST_URL, PORTAL_DOI_URL, PORTAL_INDEXER_URL, "
            "PORTAL_DOWNLOADER_URL, PORTAL_GATEWAY_URL"
        ),
        "command `portal`",
        (
            "addresses of the routes of operators, and of the portal itself (`PORTAL_URL`), if no "
            "instance of `portal up` is used"
        ),
    ),
    ("PORTAL_HOST", "`portal up`", "address of the gateway; default `127.0.0.1`"),
    (
        "PORTAL_GATEWAY_URL, PORTAL_SITE_NOTE",
        "web site",
        "where it reads the API; a sentence in the footer",
    ),
    (
        "HOST, PORT, PROTOCOL_HEADER, HOST_HEADER, SHUTDOWN_TIMEOUT",
        "web site",
        "where it listens; headers of the proxy; seconds to finish requests",
    ),
)


@dataclass(frozen=True)
class Setting:
    """One setting: its name as a variable, and what the page says about it."""

    name: str
    sentence: str
    unit: str
    default: str
    is_secret: bool
    services: tuple[str, ...]


def model_of(service: str) -> type[Settings]:
    """Returns the settings' model of a service, or of TOPOLOGY."""
    if service == TOPOLOGY:
        return TopologySettings
    module = import_module(f"portal_{service}.settings")
    found: type[Settings] = getattr(module, f"{service.capitalize()}Settings")
    return found


def settings() -> list[Setting]:
    """Returns all settings, those of all services first; one that several read is one."""
    found: dict[str, Setting] = {}
    for service, model in ((name, model_of(name)) for name in SERVICES):
        for setting in _settings_of(service, model):
            same = found.get(setting.name)
            if same is None:
                found[setting.name] = setting
            else:
                sentence = same.sentence or setting.sentence
                both = (*same.services, service)
                found[setting.name] = replace(same, sentence=sentence, services=both)
    return list(found.values())


def topology_settings() -> list[Setting]:
    """Returns what `portal-topology` and `portal topology` read besides what all services do."""
    every = _settings_of(TOPOLOGY, TopologySettings)
    return [
        s for s in every if s.name not in {f"{PREFIX}{n.upper()}" for n in Settings.model_fields}
    ]


def _settings_of(service: str, model: type[Settings]) -> Iterator[Setting]:
    models = [m for m in reversed(model.__mro__) if issubclass(m, Settings)]
    sentences = {n: s for m in models for n, s in _sentences(m).items()}
    for name, field in model.model_fields.items():
        sentence = sentences.get(name, "")
        words = f"{name.replace('_', ' ')} {sentence}"
        is_number = bool({"int", "float"} & set(re.findall(r"\w+", str(field.annotation))))
        unit = next((u for u in UNITS if is_number and u in words), "")
        yield Setting(
            name=f"{PREFIX}{name.upper()}",
            sentence=sentence,
            unit=unit,
            default=_default(field),
            is_secret="SecretStr" in str(field.annotation),
            services=(service,),
        )


def _sentences(model: type[Settings]) -> dict[str, str]:
    """Returns the comment beside (or else above) each field in the source of its model."""
    path = sys.modules[model.__module__].__file__
    assert path is not None  # noqa: S101 - a module of ours is a file
    text = Path(path).read_text("utf-8")
    comments: dict[int, str] = {}
    with Path(path).open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            if token.type == tokenize.COMMENT:
                comments[token.start[0]] = re.sub(r"^#\s*|\s*noqa:.*$", "", token.string)
    lines = text.splitlines()
    found: dict[str, str] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            inside = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            beside = " ".join(comments[n] for n in inside if n in comments)
            above: list[str] = []
            number = node.lineno - 1
            while not beside and number in comments and lines[number - 1].lstrip().startswith("#"):
                above.insert(0, comments[number])
                number -= 1
            found[node.target.id] = beside or " ".join(above)
    return found


def _default(field: FieldInfo) -> str:
    """Returns the default as it would be written into the environment."""
    value: Any = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value == "":
        return NONE
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{json.dumps(value)}`"
    return f"`{value}`"


def page() -> str:
    """Returns docs/settings.md."""
    every = settings()
    parts = [HEAD]
    rooms = {"All services": [s for s in every if len(s.services) == len(SERVICES)]}
    shared = [s for s in every if 1 < len(s.services) < len(SERVICES)]
    rooms["Several services"] = shared
    for service in SERVICES:
        rooms[service] = [s for s in every if s.services == (service,)]
    for title, rows in rooms.items():
        parts += [f"## {title}", "", "| setting | unit | default | read by | secret | purpose |"]
        parts.append("|---|---|---|---|---|---|")
        parts += [_row(setting) for setting in rows]
        parts.append("")
    parts += ["## Preparing the broker", "", TOPOLOGY_HEAD, ""]
    parts += [
        "| setting | unit | default | read by | secret | purpose |",
        "|---|---|---|---|---|---|",
    ]
    parts += [*map(_row, topology_settings()), ""]
    parts += ["## Variables that are not settings of a service", ""]
    parts += ["| variable | read by | purpose |", "|---|---|---|"]
    parts += [f"| {_code(names)} | {reader} | {use} |" for names, reader, use in OTHERS]
    return "\n".join(parts) + "\n"


def _code(names: str) -> str:
    return ", ".join(f"`{name}`" for name in names.split(", "))


def _row(setting: Setting) -> str:
    readers = "all" if len(setting.services) == len(SERVICES) else ", ".join(setting.services)
    secret = "yes" if setting.is_secret else ""
    sentence = setting.sentence.replace("|", "\\|")
    return (
        f"| `{setting.name}` | {setting.unit} | {setting.default} | {readers} | {secret} "
        f"| {sentence} |"
    )


def with_names(schema: str) -> str:
    """Returns values.schema.json with the settings that `env` may have: no secret is among them."""
    content = json.loads(schema)
    value = {"type": ["string", "number", "boolean"]}
    every = settings()
    shared = [s for s in every if not s.is_secret and len(s.services) == len(SERVICES)]
    by_name = {"env": shared}
    for service in SERVICES:
        by_name[f"env-{service}"] = [s for s in every if not s.is_secret and service in s.services]
    by_name[f"env-{TOPOLOGY}"] = [
        s for s in _settings_of(TOPOLOGY, TopologySettings) if not s.is_secret
    ]
    for name, rows in by_name.items():
        content["$defs"][name] = {
            "description": "settings of docs/settings.md; secrets belong into Secrets",
            "type": "object",
            "properties": {setting.name: value for setting in rows},
            "additionalProperties": False,
        }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    PAGE.write_text(page(), "utf-8")
    SCHEMA.write_text(with_names(SCHEMA.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
