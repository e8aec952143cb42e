"""Paging, order, facets, and the members of a hit."""
# pyright: basic, reportArgumentType=false

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from meilisearch import Client
from meilisearch.errors import MeilisearchApiError
from meilisearch.index import Index
from meilisearch.models.task import Task, TaskInfo

from tests.drivers.search.engine import IndexFactory

DOCUMENTS = [
    {
        "id": number,
        "title": f"Scan {number:02d} of an organ",
        "organ": ["kidney", "heart", "lung"][number % 3],
        "size": number / 2,
        "donor": {"sex": "F" if number % 2 else "M", "age": 50 + number},
        "tags": ["odd"] if number % 2 else ["even", "both"],
    }
    for number in range(30)
]
SETTINGS = {
    "filterableAttributes": ["organ", "size", "donor", "tags"],
    "sortableAttributes": ["size", "organ", "donor.age", "mixed"],
}


@pytest.fixture(scope="module")
def index(make_index: IndexFactory) -> Index:
    return make_index(DOCUMENTS, SETTINGS)


def ids(answer: dict[str, Any]) -> list[Any]:
    return [hit["id"] for hit in answer["hits"]]


def refused(index: Index, parameters: dict[str, Any], query: str = "") -> str | None:
    with pytest.raises(MeilisearchApiError) as caught:
        index.search(query, parameters)
    assert caught.value.status_code == 400
    return caught.value.code


def test_offset_and_limit_answer_with_an_estimate(index: Index) -> None:
    answer = index.search("scan", {"offset": 28, "limit": 5})
    assert (answer["offset"], answer["limit"]) == (28, 5)
    assert (answer["estimatedTotalHits"], len(answer["hits"])) == (30, 2)
    assert answer["query"] == "scan"
    assert answer["processingTimeMs"] >= 0
    assert not {"totalHits", "page", "facetDistribution"} & set(answer)
    assert index.search("")["limit"] == 20
    assert index.search("", {"limit": 0})["hits"] == []


def test_pages_answer_with_exact_totals(index: Index) -> None:
    answer = index.search("", {"hitsPerPage": 7, "page": 5, "sort": ["size:asc"]})
    assert (answer["page"], answer["hitsPerPage"]) == (5, 7)
    assert (answer["totalHits"], answer["totalPages"]) == (30, 5)
    assert ids(answer) == [28, 29]
    assert "estimatedTotalHits" not in answer
    assert index.search("", {"page": 6, "hitsPerPage": 7})["hits"] == []
    counted = index.search("", {"hitsPerPage": 0, "filter": "organ = lung"})
    assert (counted["totalHits"], counted["hits"]) == (10, [])
    assert index.search("", {"page": 2})["hitsPerPage"] == 20


def test_pages_together_are_the_whole_without_repetition(index: Index) -> None:
    seen = []
    for page in range(1, 9):
        seen += ids(index.search("scan organ", {"hitsPerPage": 4, "page": page}))
    assert len(seen) == 30
    assert set(seen) == set(range(30))


def test_no_more_hits_are_reachable_than_the_setting_allows(
    make_index: IndexFactory,
) -> None:
    index = make_index([{"id": n} for n in range(20)], {"pagination": {"maxTotalHits": 7}})
    assert index.search("", {"hitsPerPage": 5, "page": 2})["totalHits"] == 20
    assert index.search("", {"limit": 100})["estimatedTotalHits"] == 20
    assert len(index.search("", {"hitsPerPage": 5, "page": 2})["hits"]) == 2
    assert len(index.search("", {"limit": 100})["hits"]) == 7
    assert index.search("", {"offset": 7, "limit": 5})["hits"] == []


def test_hits_are_sorted_by_fields(index: Index) -> None:
    answer = index.search("", {"sort": ["organ:asc", "size:desc"], "limit": 12})
    assert [hit["organ"] for hit in answer["hits"]] == ["heart"] * 10 + ["kidney"] * 2
    assert ids(answer) == [28, 25, 22, 19, 16, 13, 10, 7, 4, 1, 27, 24]
    assert ids(index.search("", {"sort": ["donor.age:desc"], "limit": 2})) == [29, 28]


def test_numbers_are_sorted_before_strings_and_what_has_none_last(
    make_index: IndexFactory,
) -> None:
    values = [("b", 1), (None, 2), (3, 3), ("A", 4), (10, 5), (-1.5, 6)]
    documents = [{"id": n, "v": value} for value, n in values] + [{"id": 7}]
    index = make_index(documents, {"sortableAttributes": ["v"]})
    assert ids(index.search("", {"sort": ["v:asc"]}))[:5] == [6, 3, 5, 4, 1]
    assert ids(index.search("", {"sort": ["v:desc"]}))[:5] == [5, 3, 6, 1, 4]
    assert set(ids(index.search("", {"sort": ["v:asc"]}))[5:]) == {2, 7}


def test_sorting_takes_its_place_among_the_ranking_rules(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    documents = [{"id": 1, "t": "kidnee", "n": 1}, {"id": 2, "t": "kidney", "n": 2}]
    index = make_index(documents, {"sortableAttributes": ["n"]})
    assert ids(index.search("kidney", {"sort": ["n:asc"]})) == [2, 1]
    wait_task(index.update_ranking_rules(["sort", "words", "typo", "exactness"]))
    assert ids(index.search("kidney", {"sort": ["n:asc"]})) == [1, 2]
    wait_task(index.update_ranking_rules(["n:asc", "words", "typo"]))
    assert ids(index.search("kidney")) == [1, 2]
    assert index.get_ranking_rules() == ["n:asc", "words", "typo"]
    assert refused(index, {"sort": ["n:asc"]}) == "invalid_search_sort"


def test_a_search_that_is_cut_off_is_no_longer_sorted(make_index: IndexFactory) -> None:
    """The answer does not say so, but it took the time that is allowed."""
    documents = [{"id": n, "v": f"x{n * 7919 % 1000:04d}"} for n in range(1000)]
    settings = {"sortableAttributes": ["v"], "searchCutoffMs": 0}
    answer = make_index(documents, settings).search("", {"sort": ["v:asc"], "limit": 1000})
    values = [hit["v"] for hit in answer["hits"]]
    assert values != sorted(values)
    assert sorted(values) == [f"x{n:04d}" for n in range(1000)]
    assert answer["processingTimeMs"] >= 0


def test_sorting_does_not_change_scores(index: Index) -> None:
    scored = {"showRankingScore": True, "limit": 30}
    plain = index.search("organ 07", scored)["hits"]
    ordered = index.search("organ 07", {**scored, "sort": ["size:desc"]})["hits"]
    assert len({hit["_rankingScore"] for hit in plain}) > 1
    assert {h["id"]: h["_rankingScore"] for h in ordered} == {
        h["id"]: h["_rankingScore"] for h in plain
    }


def test_facets_count_values_of_what_was_found(index: Index) -> None:
    answer = index.search("", {"filter": "donor.sex = F", "facets": ["organ", "tags"], "limit": 1})
    assert answer["facetDistribution"] == {
        "organ": {"heart": 5, "kidney": 5, "lung": 5},
        "tags": {"odd": 15},
    }
    assert list(answer["facetDistribution"]["organ"]) == ["heart", "kidney", "lung"]
    assert answer["facetStats"] == {}


def test_facets_of_numbers_have_statistics(index: Index) -> None:
    answer = index.search("", {"facets": ["size", "donor.age"], "filter": "size < 3"})
    assert answer["facetStats"] == {
        "size": {"min": 0, "max": 2.5},
        "donor.age": {"min": 50, "max": 55},
    }
    counts = answer["facetDistribution"]["size"]
    assert counts == {"0": 1, "0.5": 1, "1": 1, "1.5": 1, "2": 1, "2.5": 1}


def test_all_facets_are_counted_for_a_star(index: Index) -> None:
    answer = index.search("scan 07", {"facets": ["*"], "matchingStrategy": "all"})
    assert answer["estimatedTotalHits"] == 1
    counts = {name: value for name, value in answer["facetDistribution"].items() if value}
    assert counts == {
        "organ": {"heart": 1},
        "size": {"3.5": 1},
        "donor.sex": {"F": 1},
        "donor.age": {"57": 1},
        "tags": {"odd": 1},
    }


def test_the_number_and_order_of_facet_values_can_be_set(make_index: IndexFactory) -> None:
    documents = [{"id": n, "v": f"v{n % 7}" if n % 2 else "often", "w": n % 3} for n in range(40)]
    faceting = {"maxValuesPerFacet": 3, "sortFacetValuesBy": {"v": "count", "*": "alpha"}}
    index = make_index(documents, {"filterableAttributes": ["v", "w"], "faceting": faceting})
    answer = index.search("", {"facets": ["v", "w"]})["facetDistribution"]
    assert next(iter(answer["v"].items())) == ("often", 20)
    assert len(answer["v"]) == 3
    assert answer["w"] == {"0": 14, "1": 13, "2": 13}
    assert index.get_faceting_settings().max_values_per_facet == 3


def test_facet_values_are_searched(index: Index) -> None:
    answer = index.facet_search("organ", "kid")
    assert answer["facetHits"] == [{"value": "kidney", "count": 10}]
    assert answer["facetQuery"] == "kid"
    answer = index.facet_search("organ", "kidnye", {"filter": "size < 3"})
    assert answer["facetHits"] == [{"value": "kidney", "count": 2}]
    assert len(index.facet_search("organ")["facetHits"]) == 3
    assert len(index.facet_search("organ", "", {"q": "scan"})["facetHits"]) == 3
    with pytest.raises(MeilisearchApiError) as caught:
        index.facet_search("title", "x")
    assert caught.value.code == "invalid_facet_search_facet_name"


def test_the_search_for_facet_values_can_be_switched_off(make_index: IndexFactory) -> None:
    settings = {"filterableAttributes": ["a"], "facetSearch": False}
    with pytest.raises(MeilisearchApiError) as caught:
        make_index([{"id": 1, "a": "x"}], settings).facet_search("a", "x")
    assert caught.value.code == "facet_search_disabled"


def test_one_hit_for_each_value_of_a_distinct_field(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    documents = [{"id": n, "t": "scan", "donor": f"d{n % 3}"} for n in range(9)]
    index = make_index([*documents, {"id": 9, "t": "scan"}], {"distinctAttribute": "donor"})
    hits = index.search("scan", {"hitsPerPage": 10})
    assert sorted(hit.get("donor", "") for hit in hits["hits"]) == ["", "d0", "d1", "d2"]
    assert hits["totalHits"] == 4
    wait_task(index.reset_distinct_attribute())
    assert index.search("scan", {"hitsPerPage": 20})["totalHits"] == 10
    wait_task(index.update_filterable_attributes(["donor"]))
    assert len(index.search("scan", {"distinct": "donor"})["hits"]) == 4
    assert refused(index, {"distinct": "t"}) == "invalid_search_distinct"


def test_hits_show_the_requested_fields(index: Index) -> None:
    hit = index.search("", {"limit": 1, "attributesToRetrieve": ["id", "donor.sex"]})["hits"][0]
    assert set(hit) == {"id", "donor"}
    assert set(hit["donor"]) == {"sex"}
    assert index.search("", {"limit": 1, "attributesToRetrieve": []})["hits"] == [{}]
    assert index.search("", {"limit": 1, "attributesToRetrieve": ["unknown"]})["hits"] == [{}]


def test_hits_show_only_displayed_fields(make_index: IndexFactory) -> None:
    index = make_index(
        [{"id": 1, "a": {"b": 1, "c": 2}, "d": 3}], {"displayedAttributes": ["id", "a.b"]}
    )
    assert index.search("")["hits"] == [{"id": 1, "a": {"b": 1}}]
    assert index.search("", {"attributesToRetrieve": ["d", "a.b"]})["hits"] == [{"a": {"b": 1}}]
    assert index.search("", {"attributesToRetrieve": ["d", "a"]})["hits"] == [{}]


def test_matches_are_highlighted(make_index: IndexFactory) -> None:
    index = make_index(
        [{"id": 1, "t": "The left Kidney", "u": {"v": ["a kidney", "none"]}, "n": 5}]
    )
    parameters = {"attributesToHighlight": ["*"], "attributesToRetrieve": ["id", "t", "u", "n"]}
    hit = index.search("kidney left", parameters)["hits"][0]
    assert hit["t"] == "The left Kidney"
    assert hit["_formatted"] == {
        "id": "1",
        "t": "The <em>left</em> <em>Kidney</em>",
        "u": {"v": ["a <em>kidney</em>", "none"]},
        "n": "5",
    }
    marks = {"highlightPreTag": "[", "highlightPostTag": "]", "attributesToHighlight": ["t"]}
    hit = index.search("kid", marks)["hits"][0]
    assert hit["_formatted"]["t"] == "The left [Kid]ney"
    assert hit["_formatted"]["u"] == {"v": ["a kidney", "none"]}


def test_long_texts_are_cropped_around_the_matches(make_index: IndexFactory) -> None:
    words = " ".join(f"w{n}" for n in range(100))
    index = make_index([{"id": 1, "t": f"{words} kidney {words}"}])
    parameters = {"attributesToCrop": ["t"], "cropLength": 5}
    text = index.search("kidney", parameters)["hits"][0]["_formatted"]["t"]
    assert "kidney" in text
    assert text.startswith("…")
    assert text.endswith("…")
    assert len(text.strip("…").split()) == 5
    parameters = {"attributesToCrop": ["t:3"], "cropMarker": "<>"}
    text = index.search("", parameters)["hits"][0]["_formatted"]["t"]
    assert text == "w0 w1 w2<>"


def test_match_positions_are_in_bytes(make_index: IndexFactory) -> None:
    index = make_index([{"id": 1, "t": "Über kidney"}])
    hit = index.search("kidney", {"showMatchesPosition": True})["hits"][0]
    place = hit["_matchesPosition"]["t"][0]
    assert (place["start"], place["length"]) == (6, 6)


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"limit": "many"}, "invalid_search_limit"),
        ({"limit": -1}, "invalid_search_limit"),
        ({"offset": 1.5}, "invalid_search_offset"),
        ({"page": "x"}, "invalid_search_page"),
        ({"hitsPerPage": []}, "invalid_search_hits_per_page"),
        ({"q": 1}, "invalid_search_q"),
        ({"facets": "organ"}, "invalid_search_facets"),
        ({"facets": ["title"]}, "invalid_search_facets"),
        ({"sort": "size:asc"}, "invalid_search_sort"),
        ({"sort": ["title:asc"]}, "invalid_search_sort"),
        ({"sort": ["size"]}, "invalid_search_sort"),
        ({"sort": ["size:up"]}, "invalid_search_sort"),
        ({"attributesToRetrieve": "id"}, "invalid_search_attributes_to_retrieve"),
        ({"attributesToHighlight": "id"}, "invalid_search_attributes_to_highlight"),
        ({"attributesToCrop": "id"}, "invalid_search_attributes_to_crop"),
        ({"cropLength": "x"}, "invalid_search_crop_length"),
        ({"matchingStrategy": "some"}, "invalid_search_matching_strategy"),
        ({"showRankingScore": "yes"}, "invalid_search_show_ranking_score"),
        ({"rankingScoreThreshold": 2}, "invalid_search_ranking_score_threshold"),
        ({"unknown": 1}, "bad_request"),
    ],
    ids=str,
)
def test_wrong_parameters_are_refused(index: Index, parameters: dict[str, Any], code: str) -> None:
    assert refused(index, parameters) == code


def test_a_search_by_get_answers_the_same(index: Index, http: httpx.Client) -> None:
    parameters = {
        "q": "scan",
        "filter": "organ = heart AND size > 2",
        "sort": "size:desc",
        "hitsPerPage": "3",
        "page": "2",
        "facets": "organ,tags",
        "attributesToRetrieve": "id,organ",
        "showRankingScore": "true",
    }
    got = http.get(f"/indexes/{index.uid}/search", params=parameters).json()
    posted = index.search(
        "scan",
        {
            "filter": "organ = heart AND size > 2",
            "sort": ["size:desc"],
            "hitsPerPage": 3,
            "page": 2,
            "facets": ["organ", "tags"],
            "attributesToRetrieve": ["id", "organ"],
            "showRankingScore": True,
        },
    )
    for answer in (got, posted):
        for varying in ("processingTimeMs", "requestUid"):
            answer.pop(varying, None)
    assert got == posted
    wrong = http.get(f"/indexes/{index.uid}/search", params={"limit": "x"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_search_limit")


def test_several_searches_are_answered_in_one(
    client: Client, index: Index, make_index: IndexFactory
) -> None:
    other = make_index([{"id": 1, "t": "elsewhere"}])
    queries = [
        {"indexUid": index.uid, "q": "scan", "limit": 1},
        {"indexUid": other.uid, "q": "elsewhere"},
        {"indexUid": index.uid, "q": "", "filter": "organ = lung", "hitsPerPage": 2},
    ]
    results = client.multi_search(queries)["results"]
    assert [answer["indexUid"] for answer in results] == [index.uid, other.uid, index.uid]
    assert len(results[0]["hits"]) == 1
    assert ids(results[1]) == [1]
    assert results[2]["totalHits"] == 10
    with pytest.raises(MeilisearchApiError) as caught:
        client.multi_search([{"indexUid": index.uid}, {"indexUid": "nowhere-at-all"}])
    assert caught.value.code == "index_not_found"
    with pytest.raises(MeilisearchApiError) as caught:
        client.multi_search([{"indexUid": index.uid, "filter": "title = 1"}])
    assert caught.value.code == "invalid_search_filter"
