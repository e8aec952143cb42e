"""Words of a query, as they are sent to the engine."""

import pytest
from portal_gateway.search import query_words
from portal_gateway.search.query_words import Word
from portal_shared.search import apostrophes, quantities


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
    listed = query_words.parse_words("left kidney torso LADAF-2021-17 renal")
    counts = dict(zip(listed, (90, 38, 0, 12, 40), strict=True))
    chosen = query_words.rarest_first(listed, counts)
    assert query_words.join_words(chosen) == '"LADAF-2021-17" kidney renal left '


def test_a_phrase_with_a_meaning_is_one_word() -> None:
    found = query_words.parse_words("left kidney, region of interest")
    assert [w.text for w in found] == ["left", "kidney", "region of interest"]


@pytest.mark.parametrize("sign", apostrophes.SIGNS)
def test_an_apostrophe_leaves_no_single_letter(sign: str) -> None:
    for written, words in [
        (f"Crohn{sign}s", ["Crohn"]),
        (f"Crohn{sign}s disease", ["Crohn", "disease"]),
        (f"O{sign}Brien", ["Brien"]),
        (f"l{sign}hôpital", ["hôpital"]),
        (f"kidneys{sign}", ["kidneys"]),
        (f"rock{sign}n{sign}roll", ["rock", "roll"]),
    ]:
        assert [w.text for w in query_words.parse_words(written)] == words


def test_a_letter_cut_off_by_punctuation_is_no_word_but_a_typed_letter_is() -> None:
    assert [w.text for w in query_words.parse_words("kidney/s")] == ["kidney"]
    assert [w.text for w in query_words.parse_words("Walsh C.")] == ["Walsh", "C"]
    assert [w.text for w in query_words.parse_words("x")] == ["x"]


@pytest.mark.parametrize(("text", "expected"), [("kidn", True), ("s", False), ("vitamin-c", False),
                                                ("hip-ct", True)])  # fmt: skip
def test_a_single_letter_is_never_an_unfinished_word(text: str, *, expected: bool) -> None:
    assert Word(text, exact=False).may_be_unfinished is expected


@pytest.mark.parametrize(
    "written",
    ["25.08um", "25.08 um", "25.08\u00b5m", "25.08 \u00b5m", "25.08\u03bcm", "25,08 µm",
     "25.08-µm", "25.08\u2011um", "25.08-micron",
     "25.08\u00a0µm", "25.08 micrometers", "25.08 microns", "0.02508 mm", "250800 \u212b",
     "250800 \u00c5", "250800 A\u030a"],
)  # fmt: skip
def test_a_quantity_is_one_word_however_it_is_written(written: str) -> None:
    (word,) = query_words.parse_words(written)
    assert word.text == quantities.word(25.08, "um")
    assert word.exact
    assert word.shown.text == quantities.normalize(written)


@pytest.mark.parametrize(
    "written",
    ["1 024 um", "1\u2009024 um", "1\u00a0024 um", "1\u202f024\u00a0\u00b5m", "1,024 um",
     "1'024 um", "1\u2019024um",
     "1 024,0 um", "1,024.0 um", "1.024,0 um", "1'024.0 um", "1.024 mm"],
)  # fmt: skip
def test_groups_of_three_digits_are_thousands(written: str) -> None:
    for query in (written, f"kidney at {written}"):
        assert query_words.parse_words(query)[-1].text == quantities.word(1024, "um")
    (found,) = quantities.find(quantities.normalize(f"Scan ({written})"))  # of a text
    assert found.word == quantities.word(1024, "um")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1 024 000 um", [1_024_000]),
        ("1,234,567.5 um", [1_234_567.5]),
        ("1.234.567 um", [1_234_567]),
        ("-1 024 um", [-1024]),
        ("0,024 um", [0.024]),
        ("0 024 um", [24]),
        ("024 um", [24]),
        ("1.024 um", [1.024]),
        ("25,08 um", [25.08]),
        ("LADAF-2020-27 500 um", [500]),
        ("VOI-01 500 um", [500]),
        ("2020 500 um", [500]),
        ("2.5 500 um", [500]),
        ("1 24 um", [24]),
        ("100 200 300 um", []),  # a list, or one number
        ("1 024 um and 2 048 um", [1024, 2048]),
    ],
)
def test_only_certain_groups_are_thousands(text: str, values: list[float]) -> None:
    read = [q.word for q in quantities.find(quantities.normalize(text))]
    assert read == [quantities.word(value, "um") for value in values]


@pytest.mark.parametrize("written", ["VOI-01 at 2", "LADAF-2021-17 m", "5 kidneys", "2021 a", "3"])
def test_an_identifier_or_a_plain_number_is_no_quantity(written: str) -> None:
    assert all(not w.written for w in query_words.parse_words(written))


def test_a_hostile_query_is_only_words() -> None:
    assert all('"' not in w.text for w in query_words.parse_words('-"a" "b\\ \x00 “c'))
    assert len(query_words.parse_words("w " * 1000 + " ".join(f"x{n}" for n in range(100)))) <= 10


def test_every_hyphen_is_one_and_names_with_numbers_are_no_quantities() -> None:
    for hyphen in ("-", "\u2010", "\u2011"):
        [word] = query_words.parse_words(f"x{hyphen}ray")
        assert word.text == "x-ray"
    for name in ("S-20-29", "LADAF-2020-27", "VOI-01-mm", "R2-D2"):
        assert [w.text for w in query_words.parse_words(name)] == [name]
