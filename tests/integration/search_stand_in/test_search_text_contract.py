"""Which documents a query finds, and in which order."""
# pyright: basic, reportArgumentType=false

from collections.abc import Callable
from typing import Any

import pytest
from meilisearch.errors import MeilisearchApiError
from meilisearch.index import Index
from meilisearch.models.task import Task, TaskInfo

from tests.drivers.search.engine import IndexFactory


def found(index: Index, query: str, **parameters: Any) -> list[Any]:
    return [hit["id"] for hit in index.search(query, parameters)["hits"]]


@pytest.fixture(scope="module")
def organs(make_index: IndexFactory) -> Index:
    texts = {
        1: "Overview of the left kidney of LADAF-2021-17",
        2: "Zoom of the right kidney of LADAF-2020-27",
        3: "Whole heart, complete",
        4: "Überblick: cœur café naïve",
        5: "achillesTendon of the year",
        6: "The lung lobe; kidney stones are something else",
    }
    return make_index([{"id": number, "title": text} for number, text in texts.items()])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("heart", {3}),
        ("HEART", {3}),
        ("hea", {3}),
        ("ear", set()),
        ("kidney", {1, 2, 6}),
        ("uberblick", {4}),
        ("ÜBERBLICK", {4}),
        ("cafe", {4}),
        ("naive", {4}),
        ("achilles", {5}),
        ("tendon", set()),
        ("achillestendon", {5}),
        ("LADAF-2021-17", {1}),
        ("ladaf 2021 17", {1}),
        ("2021", {1}),
        ("2021-1", {1}),
        ("ladaf", {1, 2}),
        ("complete.", {3}),
        ("(heart)", {3}),
        ("nothingofthekind", set()),
    ],
)
def test_words_are_found_without_case_marks_and_separators(
    organs: Index, query: str, expected: Any
) -> None:
    assert set(found(organs, query, matchingStrategy="all")) == expected


def test_an_empty_query_finds_everything(organs: Index) -> None:
    assert len(found(organs, "")) == 6
    assert len(found(organs, "   ")) == 6
    assert len(found(organs, "- , .")) == 6


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("kidnye", {1, 2, 6}),  # neighbours swapped
        ("kidny", {1, 2, 6}),  # a letter missing
        ("kidnney", {1, 2, 6}),  # one too many
        ("kidmey", {1, 2, 6}),  # another
        ("didney", set()),  # in the first letter it counts as two
        ("kidmei", set()),  # two in a short word
        ("overvieww", {1}),
        ("hert", set()),  # four letters allow none
        ("zom", set()),
    ],
)
def test_typos_are_forgiven_by_length(organs: Index, query: str, expected: Any) -> None:
    assert set(found(organs, query)) == expected


def test_two_typos_are_forgiven_from_nine_letters(make_index: IndexFactory) -> None:
    index = make_index([{"id": 1, "t": "synchrotron radiation"}])
    assert found(index, "sinchrotrom beam") == [1]
    assert found(index, "zinchrotrom beam") == []
    assert found(index, "ynchrotron beam") == [1]


def test_an_exact_word_comes_before_a_corrected_one(make_index: IndexFactory) -> None:
    index = make_index(
        [{"id": 1, "t": "lungs"}, {"id": 2, "t": "lunge"}, {"id": 3, "t": "lungs lunge"}]
    )
    assert found(index, "lunge now")[-1] == 1


def test_only_the_last_word_is_a_beginning(make_index: IndexFactory) -> None:
    index = make_index([{"id": 1, "t": "kidney overview"}, {"id": 2, "t": "kid overview"}])
    assert found(index, "kid over")[0] == 2
    assert found(index, "kid over", matchingStrategy="all") == [2]
    assert set(found(index, "overview kid", matchingStrategy="all")) == {1, 2}
    assert found(index, "kid ", matchingStrategy="all") == [2]


def test_typo_tolerance_can_be_restricted(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    settings = {
        "typoTolerance": {
            "disableOnWords": ["kidney"],
            "disableOnAttributes": ["pid"],
            "disableOnNumbers": True,
        }
    }
    documents = [
        {"id": 1, "t": "kidney bronchus", "pid": "abcdefgh"},
        {"id": 2, "t": "number 1234567", "pid": "other"},
    ]
    index = make_index(documents, settings)
    assert found(index, "bronchis now") == [1]
    assert found(index, "abcdefgh now") == [1]
    assert found(index, "abcdefgx now") == []
    assert found(index, "1234568 now") == []
    assert found(index, "1234567 now") == [2]
    wait_task(index.update_typo_tolerance({"enabled": False}))
    assert found(index, "bronchis now") == []
    assert found(index, "bronchus now") == [1]
    assert index.get_typo_tolerance().disable_on_words == ["kidney"]
    wait_task(index.reset_typo_tolerance())
    assert found(index, "bronchis now") == [1]


def test_the_sizes_from_which_typos_are_forgiven_can_be_set(
    make_index: IndexFactory,
) -> None:
    sizes = {"minWordSizeForTypos": {"oneTypo": 3, "twoTypos": 6}}
    index = make_index([{"id": 1, "t": "lung kidney"}], {"typoTolerance": sizes})
    assert found(index, "lang now") == [1]
    assert found(index, "kodnei now") == [1]


def test_phrases_want_their_words_in_a_row(organs: Index) -> None:
    assert found(organs, '"left kidney"') == [1]
    assert found(organs, '"kidney left"') == []
    assert found(organs, '"LADAF-2021-17"') == [1]
    assert found(organs, '"LADAF-2021"') == [1]
    assert found(organs, '"kidne"') == []
    assert set(found(organs, '"the right kidney" zoom')) == {2}
    assert found(organs, '"left kidney') == [1]


def test_words_and_phrases_are_excluded_by_a_minus(organs: Index) -> None:
    assert set(found(organs, "kidney -left")) == {2, 6}
    assert set(found(organs, 'kidney -"left kidney"')) == {2, 6}
    assert set(found(organs, "-kidney")) == {3, 4, 5}
    assert set(found(organs, "LADAF-2021-17", matchingStrategy="all")) == {1}


def test_more_matched_words_come_first_and_the_last_words_may_be_missing(organs: Index) -> None:
    assert found(organs, "left kidney LADAF-2021-17")[0] == 1
    assert found(organs, "kidney left")[0] == 1
    assert set(found(organs, "kidney left")) == {1, 2, 6}
    assert found(organs, "kidney left", matchingStrategy="all") == [1]
    assert set(found(organs, "nothingofthekind kidney")) == set()
    assert set(found(organs, "kidney nothingofthekind")) == {1, 2, 6}
    assert found(organs, "kidney nothingofthekind", matchingStrategy="all") == []


def test_frequent_words_may_be_left_out_first(make_index: IndexFactory) -> None:
    documents = [{"id": n, "t": "common word"} for n in range(1, 6)]
    index = make_index([*documents, {"id": 6, "t": "rareword alone"}])
    assert found(index, "common rareword", matchingStrategy="frequency") == [6]


def test_at_most_ten_words_of_a_query_count(make_index: IndexFactory) -> None:
    index = make_index([{"id": 1, "t": "a1 b2 c3 d4 e5 f6 g7 h8 i9 j10"}])
    query = "a1 b2 c3 d4 e5 f6 g7 h8 i9 j10 nothingofthekind"
    assert found(index, query, matchingStrategy="all") == [1]


def test_words_next_to_each_other_come_first(make_index: IndexFactory) -> None:
    documents = [
        {"id": 1, "t": "left and then some more words until the kidney"},
        {"id": 2, "t": "the left kidney and then some more words until"},
        {"id": 3, "t": "the kidney left and then some more words until"},
    ]
    assert found(make_index(documents), "left kidney") == [2, 3, 1]


def test_nearness_may_be_confined_to_being_in_the_same_field(
    make_index: IndexFactory,
) -> None:
    documents = [
        {"id": 1, "a": "left", "b": "kidney"},
        {"id": 2, "a": "kidney and then many other words until left", "b": "x"},
    ]
    index = make_index(documents, {"proximityPrecision": "byAttribute"})
    assert found(index, "left kidney") == [2, 1]


def test_a_sentence_end_separates_words_more_than_a_space(make_index: IndexFactory) -> None:
    documents = [
        {"id": 1, "t": "seen left. kidney seen"},
        {"id": 2, "t": "seen left of a kidney"},
    ]
    assert found(make_index(documents), "left kidney") == [2, 1]


def test_earlier_searchable_fields_weigh_more(make_index: IndexFactory) -> None:
    documents = [
        {"id": 1, "title": "x", "abstract": "kidney"},
        {"id": 2, "title": "kidney", "abstract": "x"},
    ]
    index = make_index(documents, {"searchableAttributes": ["title", "abstract"]})
    assert found(index, "kidney") == [2, 1]
    index = make_index(documents, {"searchableAttributes": ["abstract", "title"]})
    assert found(index, "kidney") == [1, 2]


def test_an_earlier_place_in_the_field_weighs_more(make_index: IndexFactory) -> None:
    documents = [
        {"id": 1, "t": "one two three four five six seven kidney"},
        {"id": 2, "t": "kidney one two three four five six seven"},
    ]
    assert found(make_index(documents), "kidney now") == [2, 1]


def test_a_field_that_is_the_query_comes_before_one_that_begins_with_it(
    make_index: IndexFactory,
) -> None:
    documents = [{"id": 1, "t": "left kidney stone"}, {"id": 2, "t": "left kidney"}]
    assert found(make_index(documents), "left kidney") == [2, 1]


def test_only_searchable_fields_are_searched(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    index = make_index(
        [{"id": 1, "a": "kidney", "b": "lung", "c": {"d": "heart"}}],
        {"searchableAttributes": ["a", "c.d"]},
    )
    assert found(index, "kidney") == [1]
    assert found(index, "heart") == [1]
    assert found(index, "lung") == []
    wait_task(index.update_searchable_attributes(["b", "c"]))
    assert found(index, "kidney") == []
    assert found(index, "lung") == [1]
    assert found(index, "heart") == [1]
    wait_task(index.reset_searchable_attributes())
    assert found(index, "kidney") == [1]


def test_a_search_may_be_confined_to_fields(make_index: IndexFactory) -> None:
    index = make_index(
        [{"id": 1, "a": "kidney", "b": {"c": "lung"}}, {"id": 2, "a": "lung", "b": {}}]
    )
    assert set(found(index, "lung")) == {1, 2}
    assert found(index, "lung", attributesToSearchOn=["a"]) == [2]
    assert found(index, "lung", attributesToSearchOn=["b.c"]) == [1]
    assert found(index, "kidney", attributesToSearchOn=["b.c"]) == []


def test_a_field_that_is_not_searchable_cannot_be_searched_on(
    make_index: IndexFactory,
) -> None:
    index = make_index([{"id": 1, "a": "x", "b": "y"}], {"searchableAttributes": ["a"]})
    with pytest.raises(MeilisearchApiError) as caught:
        index.search("y", {"attributesToSearchOn": ["b"]})
    assert caught.value.code == "invalid_search_attributes_to_search_on"


def test_numbers_lists_and_nested_objects_are_searched(make_index: IndexFactory) -> None:
    index = make_index(
        [{"id": 1, "n": 2021, "l": ["alpha", {"m": ["beta"]}], "o": {"p": {"q": "gamma"}}}]
    )
    for word in ("2021", "alpha", "beta", "gamma"):
        assert found(index, word) == [1], word


def test_synonyms_are_found_one_way_and_both_ways(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    index = make_index(
        [
            {"id": 1, "t": "renal cortex"},
            {"id": 2, "t": "kidney"},
            {"id": 3, "t": "magnetic resonance imaging"},
        ]
    )
    wait_task(
        index.update_synonyms(
            {
                "kidney": ["renal"],
                "mri": ["magnetic resonance imaging"],
                "big beating muscle": ["renal"],
            }
        )
    )
    assert set(found(index, "kidney now")) == {1, 2}
    assert found(index, "renal now") == [1]
    assert found(index, "mri now") == [3]
    assert found(index, "big beating muscle now")[0] == 1
    assert index.get_synonyms()["kidney"] == ["renal"]
    wait_task(index.reset_synonyms())
    assert found(index, "kidney now") == [2]


def test_stop_words_do_not_count(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    index = make_index([{"id": 1, "t": "the heart of the matter"}, {"id": 2, "t": "the lung"}])
    wait_task(index.update_stop_words(["the", "of"]))
    assert found(index, "the heart") == [1]
    assert set(found(index, "the heart", matchingStrategy="all")) == {1}
    assert found(index, '"heart of the matter"') == [1]
    assert sorted(index.get_stop_words()) == ["of", "the"]


def test_joined_and_split_words_are_found(make_index: IndexFactory) -> None:
    index = make_index([{"id": 1, "t": "sun flower"}, {"id": 2, "t": "sunflower"}])
    assert set(found(index, "sunflower now")) == {1, 2}
    assert set(found(index, "sun flower now")) == {1, 2}
    assert found(index, "sunflower now")[0] == 2
    assert found(index, "sun flower now")[0] == 1


def test_separators_and_dictionary_can_be_set(
    make_index: IndexFactory, wait_task: Callable[[TaskInfo], Task]
) -> None:
    index = make_index([{"id": 1, "t": "alpha|beta C++ gamma#delta"}])
    assert found(index, "beta now") == []
    wait_task(index.update_separator_tokens(["|"]))
    assert found(index, "beta now") == [1]
    assert found(index, "delta now") == [1]
    wait_task(index.update_non_separator_tokens(["#"]))
    assert found(index, "delta now") == []
    assert found(index, "gamma#delta now") == [1]
    wait_task(index.update_dictionary(["J. R. R."]))
    assert index.get_dictionary() == ["J. R. R."]


def test_the_score_is_one_at_most_and_falls_in_order(organs: Index) -> None:
    hits = organs.search("kidney left", {"showRankingScore": True})["hits"]
    scores = [hit["_rankingScore"] for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)
    assert len(set(scores)) > 1
    again = organs.search("kidney left", {"showRankingScore": True})["hits"]
    assert [hit["_rankingScore"] for hit in again] == scores


def test_the_score_of_a_perfect_match_and_of_no_query_is_one(
    make_index: IndexFactory,
) -> None:
    index = make_index([{"id": 1, "t": "left kidney"}, {"id": 2, "t": "kidney of the left"}])
    best, other = index.search("left kidney", {"showRankingScore": True})["hits"]
    assert (best["id"], best["_rankingScore"]) == (1, 1.0)
    assert other["_rankingScore"] < 1
    everything = index.search("", {"showRankingScore": True})["hits"]
    assert [hit["_rankingScore"] for hit in everything] == [1.0, 1.0]
    details = index.search("left kidney", {"showRankingScoreDetails": True})["hits"][0]
    words = details["_rankingScoreDetails"]["words"]
    assert (words["matchingWords"], words["maxMatchingWords"], words["score"]) == (2, 2, 1.0)


def test_a_threshold_leaves_out_what_scores_less(organs: Index) -> None:
    hits = organs.search("kidney left", {"showRankingScore": True})["hits"]
    bound = hits[0]["_rankingScore"]
    answer = organs.search("kidney left", {"rankingScoreThreshold": bound})
    assert [hit["id"] for hit in answer["hits"]] == [hits[0]["id"]]
    assert answer["estimatedTotalHits"] == 1
