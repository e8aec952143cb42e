"""Searches where records have 10 000 names of parameters, with shared fields and with own ones.

PORTAL_BENCH_NAMES has the numbers of names, PORTAL_BENCH_SCALE the number of datasets. "Own" gives
each name its fields, as for the parameters that a profile names.
"""

import os
import statistics
import time
import uuid

import pytest
from portal_gateway.engine import compiler
from portal_gateway.engine.client import Engine
from portal_gateway.filters.parser import parse_search
from portal_gateway.filters.schema import DATASET
from portal_gateway.settings import GatewaySettings
from portal_indexer import index_settings, search_documents
from portal_indexer.meilisearch import Meilisearch
from portal_indexer.settings import IndexerSettings
from portal_shared.runtime.settings import Settings
from portal_shared.search import index_fields, parameter_fields

from tests import builders

SIZE = int(os.environ.get("PORTAL_BENCH_SCALE", "2000").split()[0])
NAMES = tuple(int(n) for n in os.environ.get("PORTAL_BENCH_NAMES", "100 1000 10000").split())
OF_EACH = 10  # parameters of a dataset
BATCH, ROUNDS = 1000, 20


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("kind", ["shared", "own"])
async def test_names(
    names: int,
    kind: str,
    settings: Settings,
    engine_url: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed = [f"own_{number}" for number in range(names)]
    if kind == "own":
        monkeypatch.setattr(parameter_fields, "own_names", lambda: frozenset(listed))
    given = {
        **settings.model_dump(),
        "meilisearch_url": engine_url[0],
        "meilisearch_key": engine_url[1],
        "index_prefix": f"n{uuid.uuid4().hex[:10]}_",
    }
    writer, reader = Meilisearch(IndexerSettings(**given)), Engine(GatewaySettings(**given))
    name = index_fields.DATASETS
    await writer.ensure(name, index_settings.settings(name))
    spent = 0.0
    for start in range(0, SIZE, BATCH):
        numbers = range(start, min(SIZE, start + BATCH))
        rows = [search_documents.encode(built(number, listed)) for number in numbers]
        began = time.monotonic()
        await writer.replace(name, rows)
        spent += time.monotonic() - began
    print(f"\n{names} names, {kind} fields: {SIZE / spent:.0f} records/s", flush=True)
    for label, where in (("list", None), ("range", {"gt": 100}), ("equal", 7)):
        query = {"limit": 50, "attributesToRetrieve": ["json"], "sort": ["order:asc"]}
        if where is not None:
            query["filter"] = narrowed(listed[-1], where)
        times: list[float] = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            answer = await reader.search(name, query)
            times.append((time.perf_counter() - began) * 1000)
        p50, least = statistics.median(times), min(times)
        print(f"  {label:6} p50 {p50:7.1f}  least {least:7.1f} ms, {len(answer['hits'])} rows")
    reader.close()
    await writer.drop(name)


def built(number: int, names: list[str]) -> search_documents.SearchDocument:
    own = [names[(number * OF_EACH + one) % len(names)] for one in range(OF_EACH)]
    parameters = [{"name": n, "value": number % 1000 + 0.5, "unit": "mm"} for n in own[1:]]
    text = {"name": own[0], "value": f"text {number % 50}", "unit": None}
    return search_documents.build_dataset(
        builders.dataset(f"10.5072/n-{number:06d}", parameters=[text, *parameters])
    )


def narrowed(name: str, value: object) -> str | None:
    where = {"and": [{"name": name}, {"value": value}, {"unit": "mm"}]}
    include = [{"relation": "parameters", "scope": {"where": where}}]
    return compiler.compile_filter(parse_search(DATASET, {"include": include}), {}).text
