"""The web site and what it asks of the gateway, over the Atlas: bytes, CPU, times of a browser.

PORTAL_BENCH_URL is the address of an instance on this machine that has the Atlas (`portal up`,
`portal import hoa`); without it the bench starts one. Wall times are those of a machine with
nothing else to do; bytes, CPU and memory are reliable on any.
"""

import gzip
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Response, sync_playwright

from tests.drivers import plain_http
from tests.drivers.instance import started
from tests.drivers.site.browser import PROGRAM, SWITCHES

KIDNEY = "LADAF-2021-17_kidney_left_VOI-01.1_2.6um_bm05"
SEARCH = "/search?q=kidney&type=zoom"
PAGES = {"search": SEARCH, "dataset": f"/datasets/{KIDNEY}", "home": "/"}
RENDERED = int(os.environ.get("PORTAL_BENCH_PAGES", "1000"))
TIMES = 30
CALLS = {
    "search page": "/api/search?q=kidney&type=zoom",
    "search page, no words": "/api/search",
    "record": f"/api/records/{KIDNEY}",
    "JSON-LD": f"/api/records/{KIDNEY}/jsonld",
    "citation, APA": f"/api/records/{KIDNEY}/citation?format=text",
    "citations, all": f"/api/records/{KIDNEY}/citations",
    "Turtle": f"/api/records/{KIDNEY}/citation?format=turtle",
    "RO-Crate": f"/api/records/{KIDNEY}/citation?format=ro-crate",
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    given = os.environ.get("PORTAL_BENCH_URL")
    if given:
        yield given.rstrip("/")
        return
    portal = started(tmp_path_factory.mktemp("site"), with_site=True)
    try:
        portal.done("import", "hoa", timeout=900)
        portal.done("wait", "--timeout", "900", timeout=900)
        yield portal.url
    finally:
        portal.run("down")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=PROGRAM, args=SWITCHES)
        yield running
        running.close()


def test_script_of_pages(url: str, browser: Browser) -> None:
    print("\nscript, gzip (at most 60 kB on search and dataset)")
    for name, path in PAGES.items():
        scripts: dict[str, int] = {}

        def note(response: Response, scripts: dict[str, int] = scripts) -> None:
            if response.request.resource_type == "script" or response.url.endswith(".js"):
                scripts[response.url] = len(gzip.compress(response.body(), 6))

        page = browser.new_page(base_url=url)
        page.on("response", note)
        page.goto(path)
        page.wait_for_load_state("networkidle")
        page.close()
        print(f"  {name:<10} {sum(scripts.values()) / 1000:6.1f} kB in {len(scripts)} files")


def test_own_cpu_and_memory_of_the_server(url: str) -> None:
    server = site_process(url)
    with plain_http.client(url, timeout=60) as client:
        client.get(SEARCH).raise_for_status()
        before = cpu_seconds(server)
        for _ in range(RENDERED):
            client.get(SEARCH).raise_for_status()
        used = cpu_seconds(server) - before
    memory = int((server / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    print(f"\nsearch page: own CPU {1000 * used / RENDERED:.1f} ms (at most 6), ", end="")
    print(f"memory {memory / 1e6:.0f} MB after {RENDERED} pages (at most 120)")


def test_calls_of_the_gateway(url: str) -> None:
    print("\ncalls, p50 (search at most 15 ms, the others 20 ms)")
    with plain_http.client(url, timeout=60) as client:
        for name, path in CALLS.items():
            times = timed(lambda path=path: client.get(path).raise_for_status())
            print(f"  {name:<22} {statistics.median(times):6.1f} ms")


def test_typing(url: str, browser: Browser) -> None:
    page = browser.new_page(base_url=url)
    page.goto("/search")
    page.locator("html.js").wait_for(state="attached")
    box, title = page.get_by_role("combobox", name="Find an organ"), page.locator("h1")
    times: list[float] = []
    for word in ("kidney", "lung", "brain", "heart", "liver") * 2:
        box.fill("")
        page.wait_for_url(lambda found: "q=" not in found)
        shown = title.inner_text()
        box.press_sequentially(word[:-1])
        page.wait_for_timeout(600)  # an answer to the unfinished word
        begun = time.perf_counter()
        box.press(word[-1])
        page.wait_for_url(lambda found, word=word: f"q={word}" in found)
        times.append(1000 * (time.perf_counter() - begun))
        assert shown
    page.close()
    print(f"\nanswer painted after the last key: {statistics.median(times):.0f} ms (at most 250)")


def timed(call: Callable[[], object]) -> list[float]:
    """Returns milliseconds of each call but the first."""
    call()
    found: list[float] = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        call()
        found.append(1000 * (time.perf_counter() - begun))
    return found


def site_process(url: str) -> Path:
    """Returns the folder below /proc of the site's server, which reads from this gateway."""
    port = url.rpartition(":")[2]
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        names = {one.partition(b"=")[0]: one.partition(b"=")[2] for one in variables}
        gateway = names.get(b"PORTAL_GATEWAY_URL", b"").decode()
        if b"PROTOCOL_HEADER" in names and gateway.endswith(f":{port}"):
            return folder
    raise LookupError(f"no site reads from {url} on this machine")


def cpu_seconds(process: Path) -> float:
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
