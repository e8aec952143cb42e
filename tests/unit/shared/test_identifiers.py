"""DOI, ORCID iD and ROR id: which texts are accepted, and their normal forms."""

import pytest
from portal_shared.contracts.identifiers import (
    bare_doi,
    is_doi,
    is_orcid,
    normalize_orcid,
    normalize_ror,
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
