"""DOI, ORCID iD and ROR id: which texts are accepted, and their normal forms."""

import pytest
from portal_shared.contracts.identifiers import (
    bare_doi,
    doi_inside,
    is_doi,
    is_orcid,
    is_unfinished_doi,
    normalize_orcid,
    normalize_ror,
    orcid_inside,
    ror_inside,
)


@pytest.mark.parametrize(
    "text", ["10.1234/AbC", "doi:10.1234/abc", "https://doi.org/10.1234/ABC", " 10.1234/abc "]
)
def test_a_doi_has_one_bare_form(text: str) -> None:
    assert bare_doi(text) == "10.1234/abc"
    assert is_doi(text)


@pytest.mark.parametrize("text", ["10.1/x", "11.1234/x", "10.1234/", "10.1234/a b", "", "doi"])
def test_other_texts_are_not_dois(text: str) -> None:
    assert not is_doi(text)


def test_an_orcid_needs_a_correct_check_digit() -> None:
    assert is_orcid("0000-0002-1825-0097")
    assert is_orcid("https://orcid.org/0000-0002-1694-233X")
    assert not is_orcid("0000-0002-1825-0098")
    assert not is_orcid("0000-0002-1694-233x")
    assert normalize_orcid(" https://orcid.org/0000-0002-1694-233x ") == "0000-0002-1694-233X"
    assert normalize_orcid("0000-0002-1825-0098") is None
    assert normalize_orcid(None) is None


def test_a_ror_id_becomes_its_url() -> None:
    assert normalize_ror("02550n020") == "https://ror.org/02550n020"
    assert normalize_ror("https://ror.org/02550N020") == "https://ror.org/02550n020"
    assert normalize_ror("https://www.esrf.fr") is None


@pytest.mark.parametrize(
    "text",
    ["https://doi.org/10.1234/abc?utm_source=x", "https://doi.org/10.1234/abc#methods",
     "https://doi.org/10.1234/abc/"],
)  # fmt: skip
def test_query_fragment_and_last_slash_of_an_address_are_no_part_of_the_doi(text: str) -> None:
    assert bare_doi(text) == "10.1234/abc"


@pytest.mark.parametrize(
    "text",
    ["<https://doi.org/10.1234/abc>", "(10.1234/abc)", "[10.1234/abc].", "10.1234/abc.",
     "10.1234/abc,", "doi=10.1234/abc", "https:/doi.org/10.1234/abc", "10.1234/\u200babc",
     "https://hdl.handle.net/10.1234/abc"],
)  # fmt: skip
def test_a_doi_copied_with_something_more_is_suggested_without_it(text: str) -> None:
    assert not is_doi(text) or is_unfinished_doi(text)
    assert doi_inside(text) == "10.1234/abc"


def test_brackets_of_a_doi_stay() -> None:
    assert doi_inside("see 10.1016/0022(95)00012-3.") == "10.1016/0022(95)00012-3"
    assert not is_unfinished_doi("10.1016/0022(95)00012-3")


@pytest.mark.parametrize(
    "text",
    ["<https://orcid.org/0000-0002-1825-0097>", "(0000-0002-1825-0097)", "0000_0002_1825_0097",
     "https://orcid.org/my-orcid?orcid=0000-0002-1825-0097", "\ufeff0000-0002-1825-0097",
     "https%3A%2F%2Forcid.org%2F0000-0002-1825-0097", "urn:orcid:0000-0002-1825-0097"],
)  # fmt: skip
def test_an_orcid_inside_of_other_text_is_suggested(text: str) -> None:
    assert normalize_orcid(text) is None
    assert orcid_inside(text) == "0000-0002-1825-0097"


def test_an_unclear_orcid_is_not_suggested() -> None:
    assert orcid_inside("https://sandbox.orcid.org/0000-0002-1825-0097") is None
    assert orcid_inside("0000-0002-1825-0098") is None
    assert orcid_inside("0000-0002-1825-0097, 0000-0002-1694-233X") is None


@pytest.mark.parametrize(
    "text", ["ROR 02550n020", "https://ror.org/02550n020.", "<https://ror.org/02550n020>",
             "https://api.ror.org/organizations/02550n020"],
)  # fmt: skip
def test_a_ror_id_inside_of_other_text_is_suggested(text: str) -> None:
    assert normalize_ror(text) is None
    assert ror_inside(text) == "https://ror.org/02550n020"
