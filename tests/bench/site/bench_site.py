"""The web site over the Atlas: scripts, processor time and memory, answers of the API, typing.

PORTAL_BENCH_DATA is the data folder of a portal that runs already and has the Atlas; without it
the bench starts one. PORTAL_BENCH_PAGES is the number of pages after which memory is measured.
Each figure has its aim beside it; MISSED marks one that is above, which fails nothing. `CPU` is the
processor time of gateway, search engine and database together for a call: on a machine with other
load it is more reliable than the milliseconds of a clock.
"""

import gc
import itertools
import os
import statistics
import time
from collections.abc import Callable
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser

from tests.bench.site.measured import (
    KIDNEY,
    SEARCHES,
    Aim,
    MeasuredProcess,
    MeasuredSite,
    middle,
    script_bytes,
)
from tests.drivers import plain_http
from tests.drivers.instance import Portal

PAGES = int(os.environ.get("PORTAL_BENCH_PAGES", "1000"))
WARM_UP, ROUNDS = 60, 200
WARM_UP_CALLS = 10
PLAIN = {"accept-encoding": "identity"}  # as the site requests it
WORDS = ("kidney", "left lung", "covid", "heart zoom", "LADAF-2021-17")
# Resolves with the milliseconds from the last letter to the first frame with new results.
TYPED = """letter => new Promise((done) => {
  const place = document.querySelector('main');
  let pressed = 0, changed = 0;
  new MutationObserver(() => {
    if (!pressed || changed || !location.search.includes(`q=${letter}`)) return;
    changed = 1;
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - pressed)));
  }).observe(place, { childList: true, subtree: true, characterData: true });
  document.addEventListener('keydown', () => { pressed = performance.now(); }, true);
  window.ready = true;
})"""


def servers(portal: Portal) -> list[MeasuredProcess]:
    """Returns what works for an answer of the API."""
    facts = portal.instance()
    parts = {**facts["servers"], **facts["services"]}
    return [MeasuredProcess(parts[name]["pid"]) for name in ("gateway", "search", "mongodb")
            if name in parts]  # fmt: skip


def cpu_ms(parts: list[MeasuredProcess]) -> float:
    return sum(part.cpu_ms() for part in parts)


@pytest.fixture(autouse=True)
def quiet() -> None:
    print()


@pytest.mark.parametrize(
    ("name", "path"), [("search", "/search?q=kidney"), ("dataset", f"/datasets/{KIDNEY}")]
)
def test_script_of_a_page(browser: Browser, portal: Portal, name: str, path: str) -> None:
    found = script_bytes(browser, portal.url + path)
    largest = sorted(found.values(), reverse=True)[:4]
    aim = Aim(f"script of the {name} page, gzip", 60, "kB")
    print(aim.line(sum(found.values()) / 1000, f"{len(found)} files, largest {largest}"))
    assert found


def test_search_pages_of_the_server(own_site: MeasuredSite) -> None:
    """Processor time of the site's own process: its calls of the API are in that of the gateway."""
    with plain_http.client(own_site.url, timeout=60) as client:
        addresses = itertools.cycle(f"/search?{query}" for query in SEARCHES)

        def page() -> None:
            answer = client.get(next(addresses))
            assert answer.status_code == 200, answer.text[:500]

        for _ in range(WARM_UP):
            page()
        turns: list[float] = []
        fresh = own_site.memory_mb()
        for _ in range(max(1, (PAGES - WARM_UP) // len(SEARCHES))):
            before = own_site.cpu_ms()
            for _ in SEARCHES:
                page()
            turns.append((own_site.cpu_ms() - before) / len(SEARCHES))
        memory = own_site.memory_mb()
    print(Aim("processor time of a search page", 6, "ms").line(
        statistics.median(turns), middle(turns)))  # fmt: skip
    print(Aim(f"memory after {PAGES} pages", 120, "MB").line(memory, f"{fresh:.0f} at first"))


def test_search_of_the_api(portal: Portal) -> None:
    parts = servers(portal)
    with plain_http.client(portal.url, headers=PLAIN, timeout=60) as client:
        every: list[float] = []
        before = cpu_ms(parts)
        for query in SEARCHES:
            own = query.replace("view=cards", "per_page=20")
            waits = _timed(lambda own=own: client.get(f"/api/search?{own}"))
            every += waits
            print(f"    {query or '(everything)':44}{middle(waits)}")
    cpu = (cpu_ms(parts) - before) / (len(every) + WARM_UP_CALLS * len(SEARCHES))
    print(Aim("API of a search page, 378 datasets", 15, "ms").line(
        statistics.median(every), f"{middle(every)}, CPU {cpu:.1f}"))  # fmt: skip


@pytest.mark.parametrize("name", ["", "/citation?format=json-ld", "/citation?format=bibtex",
                                  "/citation?format=text"])  # fmt: skip
def test_records_and_citations(portal: Portal, name: str) -> None:
    parts = servers(portal)
    with plain_http.client(portal.url, headers=PLAIN, timeout=60) as client:
        listed = client.get("/api/search?per_page=100&page=2").json()["rows"]
        pids = itertools.cycle(quote(row["pid"], safe="") for row in listed)
        before = cpu_ms(parts)
        waits = _timed(lambda: client.get(f"/api/records/{next(pids)}{name}"))
    cpu = (cpu_ms(parts) - before) / (len(waits) + WARM_UP_CALLS)
    aim = Aim(f"record{name.partition('=')[2] and ' as ' + name.partition('=')[2]}", 20, "ms")
    print(aim.line(statistics.median(waits), f"{middle(waits)}, CPU {cpu:.1f}"))


def test_typing(browser: Browser, portal: Portal) -> None:
    page = browser.new_page(base_url=portal.url)
    waits: list[float] = []
    for word in WORDS * 4:
        page.goto("/search")
        page.locator("html.js").wait_for(state="attached")
        page.locator("main input[name=q]").focus()
        last = quote(word).replace("%20", "+")
        measured = page.evaluate_handle(f"({{ wait: ({TYPED})('{last}') }})")
        page.keyboard.type(word, delay=60)
        waits.append(float(page.evaluate("one => one.wait", measured)))
    page.close()
    print(Aim("from the last key to the painted answer", 250, "ms").line(
        statistics.median(waits), middle(waits)))  # fmt: skip


def _timed(call: Callable[[], httpx.Response]) -> list[float]:
    """Returns the milliseconds of each call, after some that are not counted."""
    for _ in range(WARM_UP_CALLS):
        assert call().status_code == 200
    waits: list[float] = []
    gc.disable()
    for _ in range(ROUNDS):
        began = time.perf_counter()
        call()
        waits.append((time.perf_counter() - began) * 1000)
    gc.enable()
    return waits
