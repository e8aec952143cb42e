# pyright: basic
"""Every line that a service writes is one JSON object, those of its server included."""

import json
from pathlib import Path
from typing import Any

import httpx

from tests.drivers import plain_http
from tests.drivers.process import ServerProcess

ALWAYS = {"event", "level", "logger", "service", "timestamp"}
NOWHERE = {"PORTAL_AMQP_URL": "amqp://127.0.0.1:1/", "PORTAL_MONGO_URL": "mongodb://127.0.0.1:1/"}


def lines(log: Path) -> list[dict[str, Any]]:
    """Returns the entries of a log; fails for a line that is not JSON or lacks a field."""
    entries = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert [entry for entry in entries if not entry.keys() >= ALWAYS] == []
    return entries


def service(folder: Path, *options: str) -> ServerProcess:
    arguments = ("-m", "uvicorn", "--factory", "portal_doi.app:build", *options)
    return ServerProcess(
        "doi", *arguments, folder=folder, environment=NOWHERE, health="/health/live"
    )


def test_lines_of_the_server_and_of_requests_are_json(tmp_path: Path) -> None:
    server = service(tmp_path)
    server.start()
    answer = plain_http.get(f"{server.url}/nowhere?query=x")
    assert answer.status_code == httpx.codes.NOT_FOUND
    server.stop()
    entries = lines(server.log)
    assert {entry["service"] for entry in entries} == {"doi"}
    loggers = {entry["logger"] for entry in entries}
    assert loggers >= {"uvicorn.error", "uvicorn.access", "portal_shared.service.drain"}
    request = next(entry for entry in entries if entry.get("path") == "/nowhere?query=x")
    assert (request["event"], request["method"], request["status"]) == ("request", "GET", 404)


def test_without_access_log_requests_leave_no_lines(tmp_path: Path) -> None:
    server = service(tmp_path, "--no-access-log")
    server.start()
    plain_http.get(f"{server.url}/nowhere")
    server.stop()
    assert "uvicorn.access" not in {entry["logger"] for entry in lines(server.log)}
