"""The instance a command is about: what runs where, as `portal up` wrote it down."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from portal_shared.runtime.settings import Settings

Data = Annotated[
    Path,
    typer.Option("--data", envvar="PORTAL_DATA", help="Folder of the instance.", show_default=True),
]
Json = Annotated[bool, typer.Option("--json", help="Print facts as JSON.")]
DEFAULT = Path(".portal")

USAGE, OUT_OF_REACH = 2, 3  # exit codes that every command shares; 0 is done, 1 is not done


class NoInstance(Exception):
    """Nothing runs there; the sentence says what to do."""


def facts(data: Path) -> dict[str, Any]:
    """Raises NoInstance."""
    try:
        found: dict[str, Any] = json.loads((data / "instance.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise NoInstance(
            f"no instance runs in {data}: start one with `portal up`, or name it with --data"
        ) from error
    return found


def gateway_url(data: Path) -> str:
    """PORTAL_URL, else the gateway of the instance; no slash at its end. Raises NoInstance."""
    return (os.environ.get("PORTAL_URL") or str(facts(data)["gateway"])).rstrip("/")


def amqp_url(data: Path) -> str:
    """PORTAL_AMQP_URL, else the broker of the instance. Raises NoInstance."""
    return os.environ.get("PORTAL_AMQP_URL") or str(facts(data)["amqp_url"])


def service_urls(data: Path) -> dict[str, str]:
    """The services' own addresses: PORTAL_<NAME>_URL, else the instance's. Raises NoInstance."""
    names = ("ingest", "doi", "indexer", "downloader", "gateway")
    named = {n: os.environ.get(f"PORTAL_{n.upper()}_URL") for n in names}
    if all(named.values()):
        return {n: url.rstrip("/") for n, url in named.items() if url}
    running = facts(data)["services"]
    return {n: named[n] or str(running[n]["url"]) for n in names}


def bus_settings(data: Path) -> Settings:
    return Settings.model_validate({"amqp_url": amqp_url(data)})


def fail(sentence: str, code: int) -> typer.Exit:
    """Say it on standard error; raise what this returns."""
    typer.echo(sentence, err=True)
    return typer.Exit(code)
