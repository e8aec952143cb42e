"""A reader with a real browser: pages, what the console says, accessibility by axe."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

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
    @contextmanager
    def opened(cls, browser: Browser, url: str, **options: Any) -> Iterator["Reader"]:
        """Opens a reader and closes it; fails if the console had errors that no test expects."""
        context = browser.new_context(base_url=url, reduced_motion="reduce", **options)
        reader = cls(context, context.new_page())
        reader.page.on("console", reader._note)
        reader.page.on("pageerror", lambda error: reader.errors.append(str(error)))
        try:
            yield reader
            assert reader.errors == []
        finally:
            context.close()

    def _note(self, message: ConsoleMessage) -> None:
        url = message.location.get("url", "")
        is_expected = any(t in message.text and where.search(url) for t, where in EXPECTED)
        if message.type == "error" and not is_expected:
            self.errors.append(f"{message.text} ({url})")

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
