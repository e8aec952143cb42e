"""What is measured of the site, in numbers that a busy machine changes little."""

import gzip
import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Response

KIDNEY = "LADAF-2021-17_kidney_left_VOI-01.1_2.6um_bm05"
SEARCHES = (
    "q=kidney",
    "q=left+kidney+LADAF-2021-17+2.6+um",
    "organ=kidney&organ=lung",
    "organ=lung&pathology=COVID-19",
    "voxel_um=2..10&sort=voxel_um",
    "q=covid+lung&page=2",
    "view=cards",
    "",
)


@dataclass(frozen=True)
class MeasuredProcess:
    pid: int

    def cpu_ms(self) -> float:
        """Returns the milliseconds that all threads of the process have run."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text("ascii").split()[0]) for task in tasks) / 1e6

    def memory_mb(self) -> float:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True)
class MeasuredSite(MeasuredProcess):
    url: str


@dataclass(frozen=True)
class Aim:
    """A figure beside the most that it may be."""

    name: str
    most: float
    unit: str

    def line(self, value: float, note: str = "") -> str:
        verdict = "" if value <= self.most else "  MISSED"
        return f"  {self.name:44}{value:9.1f} {self.unit:3} (aim {self.most:g}){verdict}  {note}"


def middle(values: Sequence[float]) -> str:
    """Returns median and 95th percentile in words."""
    tail = statistics.quantiles(values, n=20)[-1]
    return f"p50 {statistics.median(values):.1f}, p95 {tail:.1f} of {len(values)}"


def script_bytes(browser: Browser, address: str) -> dict[str, int]:
    """Returns the bytes of each script that a page loads by itself, compressed with gzip."""
    context = browser.new_context()
    page = context.new_page()
    found: dict[str, int] = {}

    def note(response: Response) -> None:
        if "javascript" in response.headers.get("content-type", ""):
            found[response.url] = len(gzip.compress(response.body(), 9))

    page.on("requestfinished", lambda request: _noted(request.response(), note))
    page.goto(address)
    page.locator("html.js").wait_for(state="attached")
    page.wait_for_load_state("networkidle")
    context.close()
    return found


def _noted(response: Response | None, note: object) -> None:
    if response is not None and callable(note):
        note(response)
