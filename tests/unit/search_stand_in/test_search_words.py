"""Tokenisation, similar words and bitmaps."""
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portal_local.search.bitmaps import Membership, added, bitmap, bits, numbers_in, removed
from portal_local.search.index.tokenizer import Tokeniser, number_text
from portal_local.search.words.typos import similar_words


def words(text: str, **settings: Any) -> list[str]:
    return [word for word, _ in Tokeniser(**settings).words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LADAF-2021-17", ["ladaf", "2021", "17"]),
        ("a_b/c.d,e:f;g(h)[i]{j}'k\"l", list("abcdefghijkl")),
        ("6.49 µm", ["6", "49", "μm"]),
        ("C++ a<b x=1 50€ ~7", ["c++", "a<b", "x=1", "50€", "~7"]),
        ("achillesTendon XMLFile iPhone", ["achillestendon", "xmlfile", "iphone"]),
        ("Straße ŒUVRE Ångström ﬁn", ["strasse", "oeuvre", "angstrom", "fin"]),
        ("tab\tand\nline\u00a0break", ["tab", "and", "line", "break"]),
        ("", []),
        (" -- ", []),
        ("Привет Ελλάδα", ["привет", "ελλαδα"]),
    ],
)
def test_a_text_is_these_words(text: str, expected: Any) -> None:
    assert words(text) == expected


def test_a_clause_end_counts_as_eight_positions() -> None:
    tokeniser = Tokeniser()
    assert list(tokeniser.words("a b. c, d! e.f")) == [
        ("a", 0),
        ("b", 1),
        ("c", 9),
        ("d", 17),
        ("e", 25),
        ("f", 26),
    ]
    assert list(tokeniser.values(["a b", 5, None, True])) == [
        ("a", 0),
        ("b", 1),
        ("5", 9),
        ("true", 17),
    ]


def test_separators_and_dictionary_are_an_indexs_own() -> None:
    assert words("a|b<br>c", separators=["|", "<br>"]) == ["a", "b", "c"]
    assert words("c#d e-f", non_separators=["#", "-"]) == ["c#d", "e-f"]
    assert words("J. R. R. Tolkien", dictionary=["J. R. R."]) == ["j. r. r.", "tolkien"]
    assert words("xJ. R. R.", dictionary=["J. R. R."]) == ["xj", "r", "r"]


@pytest.mark.parametrize(
    ("number", "text"),
    [(1.0, "1"), (0.5, "0.5"), (-3, "-3"), (1e21, "1" + "0" * 21), (1e-7, "0.0000001")],
)
def test_numbers_are_written_without_exponent(number: float, text: str) -> None:
    assert number_text(number) == text


def edits(one: str, other: str) -> int:
    """Returns the optimal string alignment distance by the textbook algorithm."""
    rows = [
        [max(i, j) if not i * j else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)
    ]
    for i, j in product(range(1, len(one) + 1), range(1, len(other) + 1)):
        same = one[i - 1] == other[j - 1]
        rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (not same))
        if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
            rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]


short = st.text(alphabet="abc", min_size=1, max_size=7)


@settings(deadline=None)
@given(
    vocabulary=st.sets(short, max_size=40),
    wanted=short,
    allowed=st.integers(0, 2),
    prefix=st.booleans(),
)
def test_words_are_near_exactly_when_so_few_edits_lead_there(
    *, vocabulary: set[str], wanted: str, allowed: int, prefix: bool
) -> None:
    expected = {}
    for word in vocabulary:
        ends = range(len(word) + 1) if prefix else (len(word),)
        distance = min(edits(wanted, word[:end]) for end in ends)
        other_start = 2 if distance <= 1 else 3
        typos = distance if word[0] == wanted[0] else other_start
        if allowed and typos <= allowed:
            expected[word] = typos
    assert dict(similar_words(sorted(vocabulary), wanted, allowed, prefix=prefix)) == expected


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 300))))
def test_stored_sets_behave_as_sets(steps: list[tuple[bool, int]]) -> None:
    members, model = None, set()
    for add, number in steps:
        if add:
            members = added(members, number)
            model.add(number)
        elif members is not None:
            members = removed(members, number)
            model.discard(number)
    assert bits(members) == bitmap(model) == sum(1 << number for number in model)
    assert list(numbers_in(bits(members))) == sorted(model)
    if members is not None:
        assert Membership(bitmap(range(0, 300, 2))).count(members) == len(
            [n for n in model if n % 2 == 0 and n < 300]
        )
