"""The check of the disk names what is missing; others than the disk do not count."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.settings import Settings
from portal_shared.service import figures, health
from portal_shared.service.app import Service
from portal_shared.service.disk import DiskCheck

from tests.drivers.services.operators import HEADERS


async def test_a_disk_with_room_is_well(tmp_path: Path) -> None:
    await DiskCheck(tmp_path, 1)()


async def test_a_disk_without_room_is_reported_with_its_figures(tmp_path: Path) -> None:
    spare = shutil.disk_usage(tmp_path).total + 10**6
    with pytest.raises(Unavailable, match=r"disk of the data folder is full: \d+ MB are free"):
        await DiskCheck(tmp_path, spare)()


async def test_a_folder_that_is_gone_is_a_problem_as_well(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="data folder cannot be read: No such file"):
        await DiskCheck(tmp_path / "gone", 1)()


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service on a full disk, whose database does not respond."""
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.1)
    monkeypatch.setattr(figures, "LOOK_SECONDS", 0.1)
    values = {
        "data_dir": tmp_path,
        "data_spare_bytes": 2**60,
        "mongo_url": "mongodb://127.0.0.1:1/",
    }
    made = Service("doi", Settings.model_validate(values))
    yield made
    made.client.close()


async def test_the_health_of_a_service_reports_disk(service: Service) -> None:
    await service.health.refresh()
    found = service.failing_checks()
    assert "full" in found["disk"]
    assert "database" in found


async def test_the_health_for_everybody_names_no_internal_hosts(service: Service) -> None:
    async def refused() -> None:
        raise Unavailable("MongoDB: mongo-7.internal:27017: connection refused")

    service.add_check("database", refused)
    transport = httpx.ASGITransport(service.app())
    await service.health.refresh()
    async with httpx.AsyncClient(transport=transport, base_url="http://portal") as client:
        answer = await client.get("/health")
        status = await client.get("/status", headers=HEADERS)
    assert answer.status_code == 503
    assert "internal" not in answer.text
    problems = answer.json()["problems"]
    assert problems.keys() == {"bus", "database", "disk"}
    assert "full" in problems["disk"]
    assert "mongo-7.internal" in status.json()["problems"]["database"]


async def test_the_status_shows_problems_when_no_figure_can_be_read(service: Service) -> None:
    async def broken() -> dict[str, int]:
        raise RuntimeError("the library panics")

    service.add_status_source(broken)
    status = await service.status()
    assert status["problems"]["figures"] == "RuntimeError('the library panics')"
    assert b"portal_status" in service.metrics()[0]
