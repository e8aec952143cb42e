"""Citations as files: BibTeX that parses whatever the record contains, and addresses of DOIs."""

import json
import re
from typing import Any

import pytest
from portal_gateway.citation.bibtex_ris import bibtex, csl_json, ris
from portal_gateway.citation.cited_record import CitedRecord
from portal_gateway.citation.formats import datacite_json
from portal_gateway.citation.json_ld import json_ld

DOI = "10.5555/0012-9658(2006)87[2832:t]2.0.co;2<1>#x"
BRACES = ["[0, 1}", "{x | x > 0", "}{", "\\{", "\\", "{{}", "a \\} b", "$\\{x\\}$", "100 % {\\"]


def cited(title: str = "A title", *, doi: str | None = DOI, **metadata: Any) -> CitedRecord:
    fields: dict[str, Any] = {
        "titles": [{"title": title}],
        "creators": [{"name": "Doe, Jane", "familyName": "Doe", "givenName": "Jane"}],
        "publisher": {"name": "ESRF"},
        "relatedIdentifiers": [
            {
                "relationType": "IsPartOf",
                "relatedIdentifier": DOI,
                "relatedIdentifierType": "DOI",
            }
        ],
        **metadata,
    }
    return CitedRecord("a", "dataset", doi, "https://portal.example/datasets/a", fields)


def end_of_entry(text: str) -> int:
    """Returns where BibTeX and biber end the entry: they count braces, also behind a backslash."""
    level = 0
    for position, character in enumerate(text):
        level += (character == "{") - (character == "}")
        if level == 0 and position > text.index("{"):
            return position + 1
    raise AssertionError(f"{level} braces are left open")


@pytest.mark.parametrize("text", BRACES)
def test_braces_of_texts_do_not_end_a_bibtex_entry(text: str) -> None:
    abstract = [{"description": text, "descriptionType": "Abstract"}]
    name = {"name": text, "familyName": text, "givenName": text}
    entry = bibtex(
        cited(
            text,
            doi=f"10.5072/{text.replace(' ', '')}",
            descriptions=abstract,
            creators=[name, {"name": text}],
            subjects=[{"subject": text}],
            version=text,
            language=text,
            rightsList=[{"rights": text, "rightsUri": "https://example.org"}],
            publisher={"name": text},
        )
    )
    assert entry[end_of_entry(entry) :].strip() == ""
    assert r"\{" not in entry
    assert r"\}" not in entry


def test_a_name_that_bibtex_would_divide_is_in_braces() -> None:
    creators = [
        {"name": "Smith and Sons, Ann", "familyName": "Smith and Sons", "givenName": "Ann"},
        {"name": "King, Jr., Bob", "familyName": "King, Jr.", "givenName": "Bob"},
        {"name": "Anderson, Sandy", "familyName": "Anderson", "givenName": "Sandy"},
        {"name": "Bell and Howell"},
    ]
    entry = bibtex(cited(creators=creators))
    authors = "{Smith and Sons}, Ann and {King, Jr.}, Bob and Anderson, Sandy and {Bell and Howell}"
    assert f"author = {{{authors}}}" in entry


def test_every_format_escapes_the_address_of_a_doi_and_no_doi() -> None:
    record = cited()
    texts = [
        bibtex(record),
        ris(record),
        json.dumps(csl_json(record)),
        json.dumps(json_ld(record)),
        json.dumps(datacite_json(record)),
    ]
    for text in texts:
        addresses = re.findall(r"https://doi\.org/[^\s\"}]+", text)
        assert addresses
        assert not [a for a in addresses if set("<>#[]") & set(a)]
    assert f"doi = {{{DOI}}}" in texts[0]
    assert f"DO  - {DOI}\r\n" in texts[1]
    assert csl_json(record)["DOI"] == datacite_json(record)["doi"] == DOI
