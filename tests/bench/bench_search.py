"""The search API compared with sending the same requests to its engine and database directly.

Each search first runs in this process to record its requests; then, in turns of twenty, the
gateway is called over HTTP and one bare client sends the recorded requests. The difference is the
gateway's own time.
"""

import asyncio
import gc
import json
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

import aiohttp
import pymongo
import pymongo.monitoring
from portal_gateway.app import build
from portal_gateway.engine.client import Engine
from yarl import URL

from tests.bench.loads.search_corpus import PANET, Corpus
from tests.bench.loads.served_corpus import Loaded, Loading

ROUNDS, LONGEST = 200, 8.0  # of one case: times, or seconds
SIZES = tuple(int(n) for n in os.environ.get("PORTAL_BENCH_SIZES", "1000 10000").split())
GROWTH = tuple(int(n) for n in os.environ.get("PORTAL_BENCH_GROWTH", "100 1000 10000").split())
TURN = 20  # answers of one, then of the other
TOGETHER = 8  # connections
TECHNIQUE = {"relation": "techniques", "scope": {"where": {"pid": f"{PANET}PaNET01200"}}}
PARAMETER = {
    "relation": "parameters",
    "scope": {
        "where": {
            "and": [
                {"name": "incident_wavelength"},
                {"value": {"between": [0.05, 0.65]}},
                {"unit": "nm"},
            ]
        }
    },
}
DEEP = {"relation": "datasets", "scope": {"include": [{"relation": "techniques"}]}}
MEMBERS = {
    "relation": "members",
    "scope": {"include": [{"relation": "person"}, {"relation": "affiliation"}]},
}
Request = tuple[str, str, Any]  # to the engine: method, path, body; or "mongo", database, command


def cases(corpus: Corpus) -> dict[str, str]:
    pid = quote(corpus.pid(corpus.documents // 2), safe="")
    dataset = quote(f"{corpus.pid(corpus.documents // 2)}.0", safe="")
    four = ["datasets", "parameters", MEMBERS, {**DEEP}]
    below = {"relation": "datasets", "scope": {"include": [TECHNIQUE, PARAMETER]}}
    only = {"relation": "datasets", "scope": {"include": [TECHNIQUE]}}
    return {
        "list 50": _at("Documents", limit=50),
        "get": f"/api/Documents/{pid}",
        "get, four relations": _at(f"Documents/{pid}", include=four),
        "ilike": _at("Documents", where={"title": {"ilike": "%heart%zoom%"}}, limit=50),
        "text": _at("Documents", where={"text": "nephron"}, limit=50),
        "query": _at("Documents", query="left kidney LADAF-2021-17", limit=50),
        "order, skip 500": _at("Documents", order="releaseDate DESC", skip=500, limit=50),
        "count": "/api/Documents/count",
        "count of a condition": "/api/Documents/count?"
        + urlencode({"where": json.dumps({"keywords": "heart"})}),
        "parameter range": _at("Datasets", include=[PARAMETER], limit=50),
        "technique": _at("Datasets", include=[TECHNIQUE], limit=50),
        "documents by technique": _at("Documents", include=[only], limit=50),
        "… and parameter": _at("Documents", include=[below], limit=50),
        "… without limit": _at("Documents", include=[below]),
        "files": f"/api/Datasets/{dataset}/files",
    }


def _at(path: str, **given: Any) -> str:
    return f"/api/{path}?{urlencode({'filter': json.dumps(given)})}"


@dataclass
class Figure:
    gateway: list[float]
    bare: list[float]
    cpu: float
    rate: float
    requests: int
    size: int

    def line(self, name: str) -> str:
        own = statistics.median(self.gateway) - statistics.median(self.bare)
        p50, p95 = statistics.median(self.gateway), _p95(self.gateway)
        bare = statistics.median(self.bare)
        return (
            f"{name:24}{p50:9.2f}{p95:9.2f}{bare:9.2f}{own:9.2f}{p50 / bare:7.1f}"
            f"{self.cpu:9.2f}{self.rate:8.0f}{self.requests:6}{self.size / 1000:9.1f}"
        )


HEAD = (
    f"{'ms':24}{'p50':>9}{'p95':>9}{'bare':>9}{'own':>9}{'ratio':>7}"
    f"{'own CPU':>9}{'req/s':>8}{'asks':>6}{'kB':>9}"
)


async def test_searches_beside_the_bare_engine(loading: Loading) -> None:
    for size in SIZES:
        await table(loading, Corpus(size))


async def test_growth(loading: Loading) -> None:
    """Ten datasets to a document: nothing may grow faster than its answer."""
    for size in GROWTH:
        await table(loading, Corpus(size, datasets_each=10))


async def table(loading: Loading, corpus: Corpus) -> None:
    async with loading(corpus) as loaded:
        datasets = corpus.documents * corpus.datasets_each
        print(f"\n{corpus.documents} documents, {datasets} datasets (loaded in "
              f"{loaded.seconds:.0f} s; req/s on {TOGETHER} connections)\n{HEAD}")  # fmt: skip
        for name, path in cases(corpus).items():
            figure = await measured(loaded, path)
            print(figure.line(name), flush=True)
            assert figure.gateway


async def measured(loaded: Loaded, path: str) -> Figure:
    requests = await recorded(loaded, path)
    bare_mongo = pymongo.MongoClient[dict[str, Any]](loaded.settings.mongo_url.get_secret_value())
    key = loaded.settings.meilisearch_key.get_secret_value()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with (
        aiohttp.ClientSession(headers={"Accept-Encoding": "identity"}) as session,
        aiohttp.ClientSession(headers=headers) as engine,
    ):

        async def gateway() -> bytes:
            async with session.get(_url(loaded.url + path)) as response:
                assert response.status == 200, await response.text()
                return await response.read()

        async def bare() -> None:
            for method, where, body in requests:
                if method == "mongo":
                    bare_mongo[where].command(body)
                else:
                    url = loaded.settings.meilisearch_url + where
                    async with engine.request(method, url, json=body) as response:
                        await response.read()

        size = len(await gateway())
        times, cpu = await in_turns(loaded, gateway, bare)
        rate = await together(gateway, statistics.median(times[0]))
    bare_mongo.close()
    return Figure(times[0], times[1], cpu, rate, len(requests), size)


async def in_turns(
    loaded: Loaded, gateway: Callable[[], Awaitable[Any]], bare: Callable[[], Awaitable[Any]]
) -> tuple[tuple[list[float], list[float]], float]:
    """Milliseconds of both, and the gateway's own CPU time per answer.

    Some of one, then some of the other: as on a server in use, and both on the same machine.
    """
    ours: list[float] = []
    theirs: list[float] = []
    cpu = 0.0
    some = max(1, min(TURN, round(1000 / await _timed(gateway))))  # a second at most
    gc.disable()
    end = time.monotonic() + LONGEST
    while len(ours) < ROUNDS and (time.monotonic() < end or len(ours) < 5):
        before = _cpu(loaded)
        ours += [await _timed(gateway) for _ in range(some)]
        cpu += _cpu(loaded) - before
        theirs += [await _timed(bare) for _ in range(some)]
    gc.enable()
    return (ours, theirs), cpu / len(ours)


async def together(gateway: Callable[[], Awaitable[Any]], p50: float) -> float:
    """Answers a second on several connections."""
    each = max(3, min(100, round(3000 / p50 / TOGETHER)))

    async def one() -> None:
        for _ in range(each):
            await gateway()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(TOGETHER)))
    return TOGETHER * each / (time.perf_counter() - began)


async def recorded(loaded: Loaded, path: str) -> list[Request]:
    """Returns the requests to engine and database of one answer, recorded by computing it here."""
    seen: list[Request] = []
    listener = Commands(seen)
    pymongo.monitoring.register(listener)
    app = build(loaded.settings)
    engine: Engine = app.state.engine
    send = engine.request

    async def recording(method: str, where: str, body: Any) -> Any:
        seen.append((method, where, body))
        return await send(method, where, body)

    engine.request = recording
    scope_path, _, query = path.partition("?")
    answer = await _called(app, scope_path, query)
    assert answer == 200, path
    listener.on = False
    engine.close()
    app.state.service.client.close()
    return list(seen)


class Commands(pymongo.monitoring.CommandListener):
    """Notes reads, so that they can be sent again."""

    def __init__(self, seen: list[Request]) -> None:
        self._seen = seen
        self.on = True

    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        if self.on and event.command_name in ("find", "aggregate", "count"):
            command = {k: v for k, v in event.command.items() if k not in ("lsid", "$db")}
            command.pop("$clusterTime", None)
            command.pop("$readPreference", None)
            self._seen.append(("mongo", event.database_name, command))

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None: ...


async def _called(app: Any, path: str, query: str) -> int:
    status = 0

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": unquote(path), "raw_path": path.encode(), "root_path": "",
        "query_string": query.encode(), "headers": [], "client": None, "server": None,
    }  # fmt: skip
    await app(scope, receive, send)
    return status


def _url(text: str) -> Any:
    return URL(text, encoded=True)


async def _timed(call: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await call()
    return (time.perf_counter() - began) * 1000


def _cpu(loaded: Loaded) -> float:
    """Milliseconds that the gateway's process has run, all its threads."""
    tasks = Path(f"/proc/{loaded.process.pid}/task").glob("*/schedstat")
    return sum(int(t.read_text("ascii").split()[0]) for t in tasks) / 1e6


def _p95(values: list[float]) -> float:
    return sorted(values)[max(0, round(len(values) * 0.95) - 1)]
