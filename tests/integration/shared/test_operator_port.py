"""Services for readers serve the routes of operators on another port, and end with both."""

import asyncio
import socket
from pathlib import Path

import pytest
from portal_local.launcher.ports import free_port

from tests.drivers import plain_http
from tests.drivers.process import ServerProcess
from tests.drivers.services.operators import HEADERS

NOWHERE = {
    "PORTAL_AMQP_URL": "amqp://guest:guest@127.0.0.1:1/",
    "PORTAL_MONGO_URL": "mongodb://127.0.0.1:1/",
    "PORTAL_MEILISEARCH_URL": "http://127.0.0.1:1",
}
OPERATORS = ("/status", "/metrics")


def service(name: str, folder: Path, operator_port: int) -> ServerProcess:
    """A service whose servers are all away."""
    own = {"PORTAL_OPERATOR_PORT": str(operator_port), "PORTAL_CACHE_DIR": str(folder / "cache")}
    return ServerProcess(
        name,
        *("-m", "uvicorn", "--factory", f"portal_{name}.app:build", "--no-access-log"),
        *("--timeout-graceful-shutdown", "5"),
        folder=folder,
        environment={**NOWHERE, **own},
        health="/health/live",
    )


@pytest.mark.parametrize("name", ["gateway", "downloader"])
def test_a_port_for_readers_serves_no_route_of_operators(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    port = free_port()
    process = service(name, tmp_path, port)
    process.start()
    request.addfinalizer(process.stop)
    operators = f"http://127.0.0.1:{port}"
    for path in OPERATORS:
        assert plain_http.get(process.url + path, headers=HEADERS).status_code == 404
        assert plain_http.get(operators + path).status_code == 401
        answer = plain_http.get(
            operators + path, headers=HEADERS, timeout=60
        )  # no database answers
        assert answer.status_code == 200
    for url in (process.url, operators):
        assert plain_http.get(f"{url}/health/live").status_code == 200
        assert plain_http.get(f"{url}/health/ready").status_code == 503
    assert plain_http.get(f"{operators}/api/Datasets", headers=HEADERS).status_code == 404
    process.stop()
    assert not process.is_running
    with socket.socket() as again:
        assert again.connect_ex(("127.0.0.1", port)) != 0


async def test_an_operator_port_in_use_ends_the_service_with_its_name(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = service("gateway", tmp_path, taken.getsockname()[1])
        process.launch()
        async with asyncio.timeout(60):
            while process.is_running:
                await asyncio.sleep(0.1)
    assert "PORTAL_OPERATOR_PORT=" in process.log.read_text("utf-8")
