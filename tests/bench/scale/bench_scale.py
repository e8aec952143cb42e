"""Searches of 10^4 to 10^6 generated records, beside those of 10^4, and checked by brute force.

PORTAL_BENCH_SCALE has the numbers of datasets ("10000 100000"), PORTAL_BENCH_EACH how many a
document has (by chance, about three, if it is not set). Records go straight into the
index by the indexer's own functions; the gateway runs in a process of its own. 200 random filters,
an order, a facet, a far page and an export are compared with what the records themselves say.
"""

import csv
import json
import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import aiohttp
import httpx

from tests.bench.loads.scale_load import Row, Scale, Scaling
from tests.bench.loads.search_corpus import PANET, TECHNIQUES
from tests.bench.loads.wide_corpus import FACILITIES, LICENSES, WideCorpus, word

SIZES = tuple(int(n) for n in os.environ.get("PORTAL_BENCH_SCALE", "10000").split())
EACH = int(os.environ.get("PORTAL_BENCH_EACH", "0"))
FILTERS = int(os.environ.get("PORTAL_BENCH_FILTERS", "200"))
ROUNDS = 30
MAX_CUT = 10  # searches of an index that is read from disk
ORDERS = ("pid", "title DESC", "size", "creationDate DESC")
Test = Callable[[Row], bool]
TECHNIQUE = {"relation": "techniques", "scope": {"where": {"pid": f"{PANET}PaNET01200"}}}
ENERGY = {"relation": "parameters", "scope": {"where": {"and": [
    {"name": "energy"}, {"value": {"between": [15000, 22000]}}, {"unit": "eV"}]}}}  # fmt: skip


async def test_scale(scaling: Scaling) -> None:
    for size in SIZES:
        async with scaling(WideCorpus(size, each=EACH)) as loaded:
            print(f"\n{loaded.engine}: {len(loaded.datasets)} datasets, "
                  f"{loaded.documents} documents: {loaded.rate:.0f} records/s "
                  f"({loaded.build:.0f}/s built), engine {loaded.memory:.0f} MB, "
                  f"disk {loaded.disk:.0f} MB")  # fmt: skip
            await timed(loaded)
            wrong = await checked(loaded)
            assert not wrong, "\n".join(wrong)


def cases(size: int) -> dict[str, str]:
    def at(path: str, **given: Any) -> str:
        return f"/api/{path}?{urlencode({'filter': json.dumps(given)})}"

    middle = size // 2 + 7
    below = {"relation": "datasets", "scope": {"include": [TECHNIQUE, ENERGY]}}
    only = {"relation": "datasets", "scope": {"include": [TECHNIQUE]}}
    return {
        "list 50": at("Datasets", limit=50),
        "get": "/api/Datasets/10.5072%2Fwide-0000007.0",
        "count": "/api/Datasets/count",
        "text": at("Datasets", where={"text": word(300)}, limit=50),
        "query": at("Datasets", query=f"{word(40)} {word(300)}", limit=50),
        "technique": at("Datasets", include=[TECHNIQUE], limit=50),
        "range": at("Datasets", include=[ENERGY], limit=50),
        "documents by technique": at("Documents", include=[only], limit=50),
        "documents by both": at("Documents", include=[below], limit=50),
        "order by date": at("Datasets", order="creationDate DESC", limit=50),
        "order by title": at("Datasets", order="title DESC", limit=50),
        "title, skip 500": at("Datasets", order="title DESC", skip=500, limit=50),
        "title, skip half": at("Datasets", order="title DESC", skip=middle, limit=50),
        "technique, skip 1/20": at("Datasets", include=[TECHNIQUE], skip=size // 20, limit=50),
        "facets": "/api/Datasets/facets?facets=keywords,license,techniques",
    }


async def timed(loaded: Scale) -> None:
    async with aiohttp.ClientSession(headers={"Accept-Encoding": "identity"}) as session:
        for name, path in cases(len(loaded.datasets)).items():
            found = [await milliseconds(loaded, session, path) for _ in range(1 + ROUNDS)]
            times = [one for one in found[1:] if one is not None]
            first = f"first {found[0]:8.1f}" if found[0] is not None else "first cut off"
            cut = found.count(None)
            assert len(times) > ROUNDS // 2, f"{path}: {cut} of {len(found)} were cut off"
            print(
                f"{name:28} {first}  p50 {statistics.median(times):8.1f} ms"
                + (f", {cut} cut off" if cut else ""),
                flush=True,
            )
        await streamed(loaded, session)


async def milliseconds(loaded: Scale, session: aiohttp.ClientSession, path: str) -> float | None:
    """Returns the time of a search; None if it was cut off, as one of an index that is read from
    disk may be.
    """
    began = time.perf_counter()
    async with session.get(loaded.url_of(path)) as answer:
        text = await answer.text()
        if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
            return None
        assert answer.status == HTTPStatus.OK, text
    return (time.perf_counter() - began) * 1000


async def whole(reader: httpx.AsyncClient, path: str, params: dict[str, str]) -> httpx.Response:
    """Repeats a search that was cut off, as a reader does."""
    for _ in range(MAX_CUT):
        answer = await reader.get(path, params=params)
        if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
            return answer
    raise AssertionError(f"{path} {params} was cut off {MAX_CUT} times")


async def streamed(loaded: Scale, session: aiohttp.ClientSession) -> None:
    """Prints rows per second and the time of the first byte of lists without limit."""
    only = {"relation": "datasets", "scope": {"include": [TECHNIQUE]}}
    for name, path, given in (
        ("plain", "Datasets", {}),
        ("documents by technique", "Documents", {"include": [only]}),
    ):
        began = time.perf_counter()
        url = loaded.url_of(f"/api/{path}?{urlencode({'filter': json.dumps(given)})}")
        async with session.get(url) as answer:
            await answer.content.readany()
            first = (time.perf_counter() - began) * 1000
            async for _ in answer.content.iter_any():
                pass
            rows = int(answer.headers["x-total-count"])
        seconds = time.perf_counter() - began
        print(f"all rows, {name:24} {rows:8} rows {rows / seconds:8.0f}/s, first {first:.0f} ms, "
              f"gateway {loaded.gateway_memory():.0f} MB", flush=True)  # fmt: skip


async def checked(loaded: Scale) -> list[str]:
    """Returns what is wrong: all is looked at, because a load of 10^6 takes long."""
    chance = random.Random(7)  # noqa: S311  # repeatable, not secret
    wrong: list[str] = []
    ordered = {order: in_order(loaded.datasets, order) for order in ORDERS}
    async with httpx.AsyncClient(base_url=loaded.url, timeout=60) as reader:
        for _ in range(FILTERS):
            given, test = random_filter(chance)
            order = chance.choice(ORDERS)
            expected = [d for d in ordered[order] if test(d)]
            skip = chance.choice((0, 0, len(expected) // 2))
            shape = {**given, "order": order, "skip": skip, "limit": 20, "fields": ["pid"]}
            answer = await whole(reader, "/api/Datasets", {"filter": json.dumps(shape)})
            total = answer.headers.get("x-total-count")
            if answer.status_code != 200 or total != str(len(expected)):
                wrong.append(f"{answer.status_code} {total} of {len(expected)}: {shape}")
            elif [row["pid"] for row in answer.json()] != [
                d.pid for d in expected[skip : skip + 20]
            ]:
                wrong.append(f"rows of {shape}")
        wrong += await check_facet(loaded, reader)
        wrong += await check_export(ordered["title DESC"], reader)
    print(f"{FILTERS} filters with orders, a facet and an export: {wrong or 'right'}", flush=True)
    return wrong


async def check_facet(loaded: Scale, reader: httpx.AsyncClient) -> list[str]:
    where = {"license": LICENSES[0]}
    answer = await whole(
        reader,
        "/api/Datasets/facets",
        {"facets": "keywords", "filter": json.dumps({"where": where})},
    )
    rows = [d for d in loaded.datasets if d.license == LICENSES[0]]
    counted = Counter(k for d in rows for k in set(d.keywords))
    found = {one["value"]: one["count"] for one in answer.json()["facets"]["keywords"]}
    right = answer.json()["total"] == len(rows) and found == counted
    return [] if right else [f"facet: {answer.text[:500]}"]


async def check_export(expected: list[Row], reader: httpx.AsyncClient) -> list[str]:
    shape = {"order": "title DESC"}
    async with reader.stream(
        "GET",
        "/api/Datasets/export",
        params={"columns": "pid,size", "filter": json.dumps(shape)},
    ) as answer:
        lines = [line async for line in answer.aiter_lines() if line]
    found = [(row["pid"], row["size"]) for row in csv.DictReader(lines)]
    right = found == [(d.pid, "" if d.size is None else str(d.size)) for d in expected]
    return [] if right else [f"export: {len(found)} rows of {len(expected)}"]


def in_order(datasets: list[Row], order: str) -> list[Row]:
    by_pid = sorted(datasets, key=lambda d: d.pid)
    name, _, direction = order.partition(" ")
    if name == "pid":
        return by_pid
    if name == "title":
        return sorted(by_pid, key=lambda d: d.title, reverse=bool(direction))
    if name == "creationDate":
        return sorted(by_pid, key=lambda d: d.created, reverse=bool(direction))
    present = sorted((d for d in by_pid if d.size is not None), key=lambda d: d.size or 0)
    return [*present, *(d for d in by_pid if d.size is None)]


def random_filter(chance: random.Random) -> tuple[dict[str, Any], Test]:
    """Returns a filter of datasets, and the same condition on a record."""
    wheres: list[tuple[dict[str, Any], Test]] = [
        _condition(chance) for _ in range(chance.randint(0, 2))
    ]
    together = chance.random() < 0.5
    given: dict[str, Any] = {}
    tests: list[Test] = []
    if wheres:
        given["where"] = {"and" if together else "or": [where for where, _ in wheres]}
        decide = all if together else any
        listed = [test for _, test in wheres]
        tests.append(lambda d: decide(test(d) for test in listed))
    if chance.random() < 0.4:
        term, _, _ = chance.choice(TECHNIQUES)
        leaf = {"relation": "techniques", "scope": {"where": {"pid": PANET + term}}}
        given.setdefault("include", []).append(leaf)
        tests.append(lambda d: PANET + term in _with_narrower(d, term))
    if chance.random() < 0.4:
        include, test = _parameter(chance)
        given.setdefault("include", []).append(include)
        tests.append(test)
    return given, lambda d: all(test(d) for test in tests)


def _with_narrower(dataset: Row, term: str) -> set[str]:
    """Returns the terms of a dataset; of those in use, none is broader than another but one."""
    found = set(dataset.techniques)
    if term == "PaNET01332" and PANET + "PaNET01333" in found:
        found.add(PANET + term)
    return found


def _condition(chance: random.Random) -> tuple[dict[str, Any], Test]:
    kind = chance.randrange(6)
    if kind == 0:
        part = word(chance.randrange(2000))
        return {"title": {"ilike": f"%{part.upper()}%"}}, lambda d: part in d.title
    if kind == 1:
        low = int(chance.lognormvariate(21, 3))
        return {"size": {"gt": low}}, lambda d: d.size is not None and d.size > low
    if kind == 2:
        year = chance.randrange(2008, 2026)
        return (
            {"creationDate": {"between": [f"{year}-01-01T00:00:00Z", f"{year}-12-31T00:00:00Z"]}},
            lambda d: d.created.year == year and (d.created.month, d.created.day) < (12, 31),
        )
    if kind == 3:
        two = [word(100 + chance.randrange(60)) for _ in range(2)]
        return {"keywords": {"inq": two}}, lambda d: any(k in two for k in d.keywords)
    if kind == 4:
        return {"license": None}, lambda d: d.license is None
    start = word(chance.randrange(300))
    return {"title": {"like": f"{start}%"}}, lambda d: start in d.title


def _parameter(chance: random.Random) -> tuple[dict[str, Any], Test]:
    if chance.random() < 0.3:
        place = f"facility {chance.randrange(FACILITIES)}"
        where: dict[str, Any] = {"and": [{"name": "facility"}, {"value": place}]}
        return _of_parameters(where), lambda d: d.parameters.get("facility") == place
    name = chance.choice(("energy", f"own_{chance.randrange(1, 60)}"))
    low, unit, scale = (15.0, "eV", 1000) if name == "energy" else (-3.0, "cm", 0.1)
    bounds = [low * scale, (low + 8) * scale]
    where = {"and": [{"name": name}, {"value": {"between": bounds}}, {"unit": unit}]}

    def is_within(d: Row) -> bool:
        value = d.parameters.get(name)
        return value is not None and not isinstance(value, str) and low <= value <= low + 8

    return _of_parameters(where), is_within


def _of_parameters(where: dict[str, Any]) -> dict[str, Any]:
    return {"relation": "parameters", "scope": {"where": where}}
