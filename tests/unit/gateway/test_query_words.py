"""Words of a query, as they are sent to the engine."""

from portal_gateway.search import query_words
from portal_gateway.search.query_words import Word


def test_empty_words_are_left_out_unless_there_are_no_others() -> None:
    assert [w.text for w in query_words.parse_words("scans of the human ear?")] == ["ear"]
    assert [w.text for w in query_words.parse_words("human scans")] == ["human", "scans"]
    assert [w.text for w in query_words.parse_words("the who")] == ["the", "who"]
    assert query_words.parse_words(' "" , ( ') == []


def test_identifiers_and_numbers_are_searched_exactly() -> None:
    found = query_words.parse_words("kidney LADAF-2021-17 at 9.595")
    assert [w.quoted for w in found] == ["kidney", '"LADAF-2021-17"', '"9.595"']


def test_spellings_that_a_profile_knows_are_no_identifiers() -> None:
    assert (
        query_words.parse_words("COVID-19")
        == query_words.parse_words("SARS-CoV2")
        == [Word("covid", exact=False)]
    )
    assert [w.text for w in query_words.parse_words("disease-free lungs")] == ["control", "lungs"]


def test_rare_words_come_first_and_unknown_ones_are_dropped() -> None:
    listed = query_words.parse_words("left kidney body LADAF-2021-17 renal")
    counts = dict(zip(listed, (90, 38, 0, 12, 40), strict=True))
    chosen = query_words.choose_words(listed, counts, begun=40)
    assert chosen == '"LADAF-2021-17" kidney renal left '


def test_a_word_still_being_typed_stays_last() -> None:
    listed = [Word("left", exact=False), Word("kidn", exact=False)]
    assert query_words.choose_words(listed, {listed[0]: 9, listed[1]: 0}, begun=5) == "left kidn"


def test_without_any_known_word_there_is_no_query() -> None:
    listed = [Word("xyzzy", exact=False)]
    assert query_words.choose_words(listed, {listed[0]: 0}, begun=0) is None


def test_a_hostile_query_is_only_words() -> None:
    assert all('"' not in w.text for w in query_words.parse_words('-"a" "b\\ \x00 “c'))
    assert len(query_words.parse_words("w " * 1000 + " ".join(f"x{n}" for n in range(100)))) <= 10
