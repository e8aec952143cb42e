"""A real browser on the web site of the shared instance."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.drivers.instance import Portal
from tests.drivers.servers import missing
from tests.drivers.site.browser import PROGRAM, SWITCHES, Reader, Readers

expect.set_options(timeout=30_000)  # the machine may be busy; what is awaited comes at once


@pytest.fixture(scope="module")  # its event loop would hinder asynchronous tests of other modules
def browser() -> Iterator[Browser]:
    if not Path(PROGRAM).exists():
        missing("Chromium is not installed: deploy/get-tools installs it")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=PROGRAM, args=SWITCHES)
        yield running
        running.close()


@pytest.fixture(scope="module")
def readers(browser: Browser, atlas: Portal) -> Readers:
    return Readers(browser, atlas.url)


@pytest.fixture
def reader(readers: Readers) -> Iterator[Reader]:
    """A reader with script; a test that ends with errors in the console fails."""
    with readers.reader() as lent:
        yield lent


@pytest.fixture
def plain_reader(readers: Readers) -> Iterator[Reader]:
    """A reader without script."""
    with readers.reader(java_script_enabled=False) as lent:
        yield lent


@pytest.fixture
def own_reader(browser: Browser, atlas: Portal) -> Iterator[Reader]:
    """A reader of this test alone, which may listen to events and change scripts and answers."""
    with Reader.opened(browser, atlas.url) as opened:
        yield opened
