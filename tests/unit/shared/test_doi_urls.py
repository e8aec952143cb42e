"""Addresses of DOIs hold every character of the DOI, escaped where an address needs it."""

from urllib.parse import unquote, urlsplit

import pytest
from portal_shared.contracts.identifiers import doi_url

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
