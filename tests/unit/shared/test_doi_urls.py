"""Addresses and spellings of DOIs: no character and no capital letter of a DOI is lost."""

from urllib.parse import unquote, urlsplit

import pytest
from portal_shared.contracts.identifiers import doi_as_given, doi_url, shown_doi

SICI = "10.1002/(sici)1099-0461(1998)12:1<1::aid-jbt2>3.0.co;2-y"


@pytest.mark.parametrize(
    ("doi", "address"),
    [
        ("10.5072/plain-1.2_3", "https://doi.org/10.5072/plain-1.2_3"),
        ("10.5072/a/b(c);d", "https://doi.org/10.5072/a/b(c);d"),
        ("10.5072/a#b?c", "https://doi.org/10.5072/a%23b%3Fc"),
        ("10.5072/100%", "https://doi.org/10.5072/100%25"),
        ("10.5072/[x]{y}|z^\\`+", "https://doi.org/10.5072/%5Bx%5D%7By%7D%7Cz%5E%5C%60%2B"),
        (SICI, "https://doi.org/10.1002/(sici)1099-0461(1998)12:1%3C1::aid-jbt2%3E3.0.co;2-y"),
    ],
)
def test_an_address_leads_to_the_doi(doi: str, address: str) -> None:
    assert doi_url(doi) == address
    parts = urlsplit(address)
    assert (unquote(parts.path), parts.query, parts.fragment) == (f"/{doi}", "", "")


@pytest.mark.parametrize(
    ("text", "doi"),
    [
        ("10.15151/ESRF-DC-1", "10.15151/ESRF-DC-1"),
        ("https://doi.org/10.15151/ESRF-DC-1", "10.15151/ESRF-DC-1"),
        (" DOI:10.15151/Esrf-dc-1 ", "10.15151/Esrf-dc-1"),
        ("nothing", "nothing"),
        ("", ""),
    ],
)
def test_a_doi_is_returned_in_the_letters_it_was_given(text: str, doi: str) -> None:
    assert doi_as_given(text) == doi


@pytest.mark.parametrize(
    ("registered", "given", "shown"),
    [
        ("10.15151/esrf-dc-1", "https://doi.org/10.15151/ESRF-DC-1", "10.15151/ESRF-DC-1"),
        (None, "10.15151/ESRF-DC-1", "10.15151/ESRF-DC-1"),
        ("10.5072/other", "10.15151/ESRF-DC-1", "10.5072/other"),
        ("10.5072/own", None, "10.5072/own"),
        (None, None, None),
    ],
)
def test_readers_see_the_doi_as_it_was_registered(
    registered: str | None, given: str | None, shown: str | None
) -> None:
    assert shown_doi(registered, given) == shown
