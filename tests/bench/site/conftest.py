"""A portal with the Atlas, and a site of its own whose process is measured."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from portal_local.launcher.ports import listens, wait_until
from portal_local.launcher.processes import Child
from portal_local.launcher.site import site

from tests.bench.site.measured import MeasuredSite
from tests.drivers.instance import Portal
from tests.drivers.site.atlas import start_atlas
from tests.drivers.site.browser import PROGRAM, SWITCHES

RUNNING = os.environ.get("PORTAL_BENCH_DATA", "")


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A running portal with the Atlas: that of PORTAL_BENCH_DATA, else one of its own."""
    if RUNNING:
        facts = json.loads((Path(RUNNING) / "instance.json").read_text("utf-8"))
        yield Portal(Path(RUNNING), facts["services"]["gateway"]["url"])
        return
    started = start_atlas(tmp_path_factory.mktemp("portal"))
    try:
        yield started
    finally:
        started.run("down")


@pytest.fixture
def own_site(portal: Portal, tmp_path: Path) -> Iterator[MeasuredSite]:
    """A new process of the site that reads the API of the portal, as `portal up` starts it."""
    part = site(portal.url)
    environment = {**part.environment, "ORIGIN": part.url}
    for name in ("PROTOCOL_HEADER", "HOST_HEADER"):  # no proxy is in front of this one
        del environment[name]
    child = Child("site", part.command, log=tmp_path / "site.log", environment=environment)
    try:
        wait_until(lambda: listens(part.port), child, 60)
        yield MeasuredSite(child.pid, part.url)
    finally:
        child.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=PROGRAM, args=SWITCHES)
        yield running
        running.close()
