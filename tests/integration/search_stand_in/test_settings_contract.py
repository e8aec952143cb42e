"""Settings: defaults, updates, resets, refusals."""
# pyright: basic, reportArgumentType=false

from collections.abc import Callable
from typing import Any

import pytest
from meilisearch import Client
from meilisearch.errors import MeilisearchApiError
from meilisearch.models.task import Task, TaskInfo

from tests.drivers.search.engine import IndexFactory

DEFAULTS = {
    "displayedAttributes": ["*"],
    "searchableAttributes": ["*"],
    "filterableAttributes": [],
    "sortableAttributes": [],
    "stopWords": [],
    "nonSeparatorTokens": [],
    "separatorTokens": [],
    "dictionary": [],
    "synonyms": {},
    "distinctAttribute": None,
    "proximityPrecision": "byWord",
    "typoTolerance": {
        "enabled": True,
        "minWordSizeForTypos": {"oneTypo": 5, "twoTypos": 9},
        "disableOnWords": [],
        "disableOnAttributes": [],
        "disableOnNumbers": False,
    },
    "faceting": {"maxValuesPerFacet": 100, "sortFacetValuesBy": {"*": "alpha"}},
    "pagination": {"maxTotalHits": 1000},
    "searchCutoffMs": None,
}


def subset(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: settings[name] for name in DEFAULTS}


def test_a_new_index_has_the_documented_defaults(make_index: IndexFactory) -> None:
    settings = make_index().get_settings()
    assert subset(settings) == DEFAULTS
    assert settings["rankingRules"][:3] == ["words", "typo", "proximity"]
    assert settings["rankingRules"][-1] == "exactness"


def test_settings_are_changed_together_and_only_those_given(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    index = make_index()
    change = {
        "searchableAttributes": ["title", "abstract"],
        "filterableAttributes": ["organ", "p"],
        "sortableAttributes": ["title"],
        "pagination": {"maxTotalHits": 100_000},
        "typoTolerance": {"minWordSizeForTypos": {"oneTypo": 4}},
        "synonyms": {"kidney": ["renal"]},
    }
    info = index.update_settings(change)
    task = wait_task(info)
    assert (task.status, task.type) == ("succeeded", "settingsUpdate")
    settings = index.get_settings()
    assert settings["searchableAttributes"] == ["title", "abstract"]
    assert set(settings["filterableAttributes"]) == {"organ", "p"}
    assert settings["pagination"] == {"maxTotalHits": 100_000}
    assert settings["typoTolerance"]["minWordSizeForTypos"] == {"oneTypo": 4, "twoTypos": 9}
    assert settings["synonyms"] == {"kidney": ["renal"]}
    wait_task(index.update_settings({"stopWords": ["the"], "synonyms": None}))
    settings = index.get_settings()
    assert (settings["stopWords"], settings["synonyms"]) == (["the"], {})
    assert settings["searchableAttributes"] == ["title", "abstract"]
    wait_task(index.reset_settings())
    assert subset(index.get_settings()) == DEFAULTS


def test_each_setting_has_an_address_of_its_own(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    index = make_index()
    wait_task(index.update_filterable_attributes(["a"]))
    wait_task(index.update_sortable_attributes(["b"]))
    wait_task(index.update_displayed_attributes(["a", "b"]))
    wait_task(index.update_distinct_attribute("a"))
    wait_task(index.update_pagination_settings({"maxTotalHits": 5}))
    wait_task(index.update_faceting_settings({"maxValuesPerFacet": 6}))
    wait_task(index.update_search_cutoff_ms(150))
    assert index.get_filterable_attributes() == ["a"]
    assert index.get_sortable_attributes() == ["b"]
    assert index.get_displayed_attributes() == ["a", "b"]
    assert index.get_distinct_attribute() == "a"
    assert index.get_pagination_settings().max_total_hits == 5
    assert index.get_faceting_settings().max_values_per_facet == 6
    assert index.get_search_cutoff_ms() == 150
    wait_task(index.reset_filterable_attributes())
    wait_task(index.reset_distinct_attribute())
    wait_task(index.reset_pagination_settings())
    wait_task(index.reset_search_cutoff_ms())
    assert index.get_filterable_attributes() == []
    assert index.get_distinct_attribute() is None
    assert index.get_pagination_settings().max_total_hits == 1000
    assert index.get_search_cutoff_ms() is None
    assert index.get_prefix_search().value == "indexingTime"
    assert index.get_proximity_precision().value == "byWord"
    assert index.get_separator_tokens() == []
    assert index.get_non_separator_tokens() == []


def test_settings_sent_before_the_index_exists_make_it(
    client: Client, wait_task: Callable[[TaskInfo], Task], uid: str
) -> None:
    wait_task(client.index(uid).update_settings({"sortableAttributes": ["a"]}))
    assert client.index(uid).get_sortable_attributes() == ["a"]
    assert client.get_raw_index(uid)["primaryKey"] is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"filterableAttributes": "organ"}, "invalid_settings_filterable_attributes"),
        ({"sortableAttributes": [1]}, "invalid_settings_sortable_attributes"),
        ({"searchableAttributes": {}}, "invalid_settings_searchable_attributes"),
        ({"rankingRules": ["best"]}, "invalid_settings_ranking_rules"),
        ({"rankingRules": ["attribute", "wordPosition"]}, "invalid_settings_ranking_rules"),
        ({"stopWords": "the"}, "invalid_settings_stop_words"),
        ({"synonyms": ["a"]}, "invalid_settings_synonyms"),
        ({"distinctAttribute": ["a"]}, "invalid_settings_distinct_attribute"),
        ({"typoTolerance": {"enabled": "no"}}, "invalid_settings_typo_tolerance"),
        ({"pagination": {"maxTotalHits": "x"}}, "invalid_settings_pagination"),
        ({"faceting": {"maxValuesPerFacet": []}}, "invalid_settings_faceting"),
        ({"unheardOf": 1}, "bad_request"),
    ],
    ids=str,
)
def test_wrong_settings_are_refused_at_once(
    make_index: IndexFactory, change: dict[str, Any], code: str
) -> None:
    with pytest.raises(MeilisearchApiError) as caught:
        make_index().update_settings(change)
    assert (caught.value.status_code, caught.value.code) == (400, code)
