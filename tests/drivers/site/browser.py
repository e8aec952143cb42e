"""A reader with a real browser: pages, what the console says, accessibility by axe."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Locator,
    Page,
    expect,
)

MAX_STOPS = 300  # of the Tab key on a page
PROGRAM = "/usr/bin/chromium"
SWITCHES = [
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",  # WebGL in software, for the viewer
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
AXE = Path(__file__).parents[3] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Every rule runs on every element. Of rules that an element passes axe describes only the first:
# descriptions of all, which no test reads, take it three times as long as the rules.
AXE_RUN = """tags => axe.run({runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})
    .then((found) => found.violations)"""
ENDED_ANIMATIONS = """Promise.all(document.getAnimations()
    .filter((one) => one.effect.getComputedTiming().endTime < Infinity)
    .map((one) => one.finished.catch(() => 0))).then(() => 0)"""
# What the console may say: pictures of volumes whose files are on tape (the place stays empty),
# a gateway without suggestions, and forms of zarr that the viewer looks for.
EXPECTED = (
    ("status of 400", re.compile(r"/(search|files)\?")),  # a refused search: the page says why
    ("status of 503", re.compile(r"/data/[^/]+/(thumbnail|slices)/")),
    ("status of 404", re.compile(r"/data/.*/\.z(array|attrs|group)$")),
)


@dataclass
class Reader:
    """One reader: a page in a context of its own."""

    context: BrowserContext
    page: Page
    errors: list[str] = field(default_factory=list[str])

    @classmethod
    def started(cls, browser: Browser, url: str, script: str = "", **options: Any) -> "Reader":
        """Opens a reader whose pages run `script` before their own."""
        context = browser.new_context(base_url=url, reduced_motion="reduce", **options)
        if script:
            context.add_init_script(script)
        reader = cls(context, context.new_page())
        reader.page.on("console", reader._note)
        reader.page.on("pageerror", lambda error: reader.errors.append(str(error)))
        reader.page.on("dialog", reader._dismiss)
        return reader

    @classmethod
    @contextmanager
    def opened(cls, browser: Browser, url: str, **options: Any) -> Iterator["Reader"]:
        """Opens a reader and closes it; fails if a dialog opened or the console had errors that no
        test expects."""
        reader = cls.started(browser, url, **options)
        try:
            yield reader
            assert reader.errors == []
        finally:
            reader.context.close()

    def _dismiss(self, dialog: Dialog) -> None:
        self.errors.append(f"a dialog opened: {dialog.message}")
        dialog.dismiss()

    def _note(self, message: ConsoleMessage) -> None:
        url = message.location.get("url", "")
        is_expected = any(t in message.text and where.search(url) for t, where in EXPECTED)
        if message.type == "error" and not is_expected:
            self.errors.append(f"{message.text} ({url})")

    def forget(self) -> None:
        """Makes the reader one who was never here: without cookies, storage and permissions.

        The page stays at the site, so that the browser keeps the compiled scripts.
        """
        for page in self.context.pages:
            if page != self.page:
                page.close()
        self.context.unroute_all()
        self.page.goto("/robots.txt")
        self.page.evaluate("localStorage.clear(), sessionStorage.clear()")
        self.context.clear_cookies()
        self.context.clear_permissions()
        self.errors.clear()

    @contextmanager
    def dark(self) -> Iterator[None]:
        """Makes the screen dark, as readers do while a page is open; then light again."""
        self.page.emulate_media(color_scheme="dark")
        try:
            self.page.evaluate(ENDED_ANIMATIONS)
            yield
        finally:
            self.page.emulate_media(color_scheme="light")

    def open(self, path: str) -> Page:
        """Opens a page and waits until its script runs."""
        self.page.goto(path)
        if self.page.evaluate("typeof document.documentElement.dataset"):
            self.settle()
        return self.page

    def settle(self) -> None:
        """Waits until the script of the page runs."""
        self.page.locator("html.js").wait_for(state="attached")

    def tab_to(self, target: Locator) -> None:
        """Presses Tab until `target` has the focus; each stop must be visible."""
        expect(target).to_be_visible()
        for _ in range(MAX_STOPS):
            self.page.keyboard.press("Tab")
            stop = "() => document.activeElement.getClientRects().length > 0"
            assert self.page.evaluate(stop)
            if target.evaluate("one => one === document.activeElement"):
                return
        raise AssertionError(f"Tab does not reach {target}")

    def violations(self) -> list[str]:
        """Returns what axe finds, a line for each element."""
        self.page.evaluate(AXE.read_text("utf-8"))
        found: list[dict[str, Any]] = self.page.evaluate(AXE_RUN, AXE_TAGS)
        return [
            f"{v['id']}: {node['html'][:150]} {node.get('failureSummary', '')[:200]}"
            for v in found
            for node in v["nodes"]
        ]

    def scrolls_sideways(self) -> bool:
        """Returns whether the page is wider than its window."""
        script = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        return bool(self.page.evaluate(script))


@dataclass
class Readers:
    """Readers of a site whose pages serve one test after another: a page that has loaded the site
    before takes half as long.

    A test that listens to events of a page, changes its scripts or answers its requests needs
    `Reader.opened`.
    """

    browser: Browser
    url: str
    _free: dict[str, list[Reader]] = field(default_factory=dict[str, list[Reader]])

    @contextmanager
    def reader(self, **options: Any) -> Iterator[Reader]:
        """Lends a reader that no other test has now; fails like `Reader.opened`."""
        free = self._free.setdefault(json.dumps(options, sort_keys=True), [])
        reader = free.pop() if free else Reader.started(self.browser, self.url, **options)
        try:
            yield reader
            assert reader.errors == []
        except BaseException:
            reader.context.close()
            raise
        reader.forget()
        free.append(reader)
