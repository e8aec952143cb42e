"""An index gives the same results whether its documents came in one batch or in many changes."""

import itertools
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portal_local.search.results.params import parse_params
from portal_local.search.results.search import Search
from portal_local.search.tasks.engine import Engine

from tests.drivers.search.tasks import execute

CHANGES = int(os.environ.get("PORTAL_TEST_CHANGES", "30"))  # lists of them; more in `make fuzz`
WORDS = ["kidney", "kidneys", "heart", "left", "lung", "zoom-1"]
SETTINGS = {"filterableAttributes": ["n", "l"], "sortableAttributes": ["n"]}


@pytest.fixture(autouse=True, scope="module")
def few_loaded_together() -> Iterator[None]:
    """Documents are loaded from the file in parts, as in a large index."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("portal_local.search.index.index.LOADED_TOGETHER", 3)
        yield


documents = st.fixed_dictionaries(
    {"id": st.integers(0, 8)},
    optional={
        "t": st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join),
        "n": st.none() | st.integers(-2, 2) | st.floats(-2, 2) | st.sampled_from(["A", "b"]),
        "l": st.lists(st.sampled_from(["x", "Y", 1, None, {"m": 1}]), max_size=3),
    },
)
steps = st.lists(
    st.tuples(st.just("put"), st.lists(documents, max_size=4), st.booleans())
    | st.tuples(st.just("drop"), st.lists(st.integers(0, 8), max_size=3), st.none())
    | st.tuples(st.just("search only"), st.sampled_from(["t", "n"]), st.none()),
    max_size=8,
)
SEARCHES: list[dict[str, Any]] = [
    {"q": q, "filter": f, "facets": ["n", "l"], "sort": ["n:desc", "n:asc"], "limit": 50}
    for q, f in itertools.product(
        ["", "kidney", "left kidne", '"left lung" zoom', "hearts -lung"],
        [None, "n > 0", "NOT l = x", "l EXISTS AND n != 1", "l.m = 1 OR n IS NULL"],
    )
]


def answers(engine: Engine, searches: list[dict[str, Any]]) -> list[Any]:
    """Returns the results of each search without its duration; hits by identifier."""
    results: list[Any] = []
    for search in searches:
        answer = json.loads(Search(engine.index("i"), parse_params(search)).answer())
        scores = {hit["id"]: hit for hit in answer["hits"]}
        results.append((scores, answer["estimatedTotalHits"], answer["facetDistribution"]))
    return results


def build(folder: str, given_steps: list[Any]) -> tuple[list[Any], dict[Any, dict[str, Any]]]:
    """Returns the search results after the steps, and the remaining documents."""
    engine = Engine(Path(folder))
    left: dict[Any, dict[str, Any]] = {}
    execute(engine, "settingsUpdate", settings=SETTINGS)
    for kind, what, merge in given_steps:
        if kind == "put":
            parameters = {"documents": what, "update": merge, "primaryKey": "id"}
            execute(engine, "documentAdditionOrUpdate", **parameters)
            for document in what:
                left[document["id"]] = {
                    **(left.get(document["id"], {}) if merge else {}),
                    **document,
                }
        elif kind == "drop":
            execute(engine, "documentDeletion", ids=[str(uid) for uid in what])
            for uid in what:
                left.pop(uid, None)
        else:
            execute(engine, "settingsUpdate", settings={"searchableAttributes": [what, "id"]})
            execute(engine, "settingsUpdate", settings={"searchableAttributes": None})
    results = answers(engine, SEARCHES)
    engine.load()
    assert answers(engine, SEARCHES) == results
    engine.close()
    return results, left


@settings(max_examples=CHANGES, deadline=None)
@given(steps)
def test_changes_one_by_one_leave_what_one_batch_does(given_steps: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        results, left = build(folder, given_steps)
        expected, _ = build(other, [("put", list(left.values()), False)])
        assert results == expected
