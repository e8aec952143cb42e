"""A real browser on the web site of the shared instance."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.drivers.instance import Portal
from tests.drivers.servers import missing
from tests.drivers.site.browser import PROGRAM, SWITCHES, Reader

expect.set_options(timeout=30_000)  # the machine may be busy; what is awaited comes at once


@pytest.fixture(scope="module")  # its event loop would hinder asynchronous tests of other modules
def browser() -> Iterator[Browser]:
    if not Path(PROGRAM).exists():
        missing("Chromium is not installed: deploy/get-tools installs it")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=PROGRAM, args=SWITCHES)
        yield running
        running.close()


@pytest.fixture
def context(browser: Browser, atlas: Portal) -> Iterator[BrowserContext]:
    opened = browser.new_context(base_url=atlas.url, reduced_motion="reduce")
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def reader(browser: Browser, atlas: Portal) -> Iterator[Reader]:
    """A reader with script; a test that ends with errors in the console fails."""
    with Reader.opened(browser, atlas.url) as opened:
        yield opened


@pytest.fixture
def plain_reader(browser: Browser, atlas: Portal) -> Iterator[Reader]:
    """A reader without script."""
    with Reader.opened(browser, atlas.url, java_script_enabled=False) as opened:
        yield opened
