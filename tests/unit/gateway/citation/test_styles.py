"""Citations: names, titles and addresses of hard records in the styles that readers use."""

import re
from typing import Any

import pytest
from portal_gateway.citation import styles
from portal_shared.contracts.identifiers import doi_url
from portal_shared.runtime.errors import Invalid

DOI = "10.5555/0012-9658(2006)87[2832:t]2.0.co;2<1>#x"
JANE = {"family": "Doe", "given": "Jane A."}
FULL: dict[str, Any] = {
    "id": "https://doi.org/10.5072/x", "type": "dataset", "title": "1.5 um scan of a tooth: part",
    "author": [JANE, {"literal": "The Collaboration"}], "issued": {"date-parts": [[2024]]},
    "publisher": "ESRF", "DOI": "10.5072/x", "URL": "https://doi.org/10.5072/x", "version": "1",
    "language": "en",
}  # fmt: skip
QUOTES = "\u201c\u2018\"'"
BARE = {name: FULL[name] for name in ("id", "type", "title", "publisher", "URL")}
RECORDS: dict[str, dict[str, Any]] = {
    "full": FULL,
    "without authors, year and DOI": BARE,
    "without authors": {k: v for k, v in FULL.items() if k != "author"},
    "without a year": {k: v for k, v in FULL.items() if k != "issued"},
    "Chinese": {**FULL, "author": [{"family": "张", "given": "三"}], "language": "zh-CN"},
    "scripts without capitals": {
        **FULL,
        "author": [{"family": "حسن", "given": "علي محمد"}, {"family": "hooks", "given": "bell"}],
    },
    "an institution that begins with a number": {
        **FULL, "author": [{"literal": "1st Institute of Physics"}], "version": "2.0-rc1",
    },
    "a title of signs": {
        **FULL, "title": '.NET -omics [β] <b>x</b> "quoted" & {x} 1-2, 3', "language": "x",
    },
    "a DOI of signs": {**FULL, "DOI": DOI, "URL": doi_url(DOI)},
    "many authors": {
        **FULL, "author": [{"family": f"Doe{n}", "given": "J.-P."} for n in range(60)],
    },
}  # fmt: skip


def test_a_style_without_a_bibliography_gives_its_note() -> None:
    assert styles.format_citation(FULL, "agora").startswith("Jane A. Doe")


def test_a_style_that_prints_nothing_of_a_dataset_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="catholic-biblical-association"):
        styles.format_citation(FULL, "catholic-biblical-association")


@pytest.mark.parametrize(
    "style", ["apa", "ieee", "vancouver", "ama", "nature", "american-chemical-society", "mla"]
)
def test_only_the_number_that_a_style_prints_is_left_out(style: str) -> None:
    institute = {**FULL, "author": [{"literal": "1st Institute of Physics"}]}
    assert styles.format_citation(institute, style).startswith("1st Institute of Physics")
    for title in ("1.5 um scan of a tooth", "(1) first", "[1] first", "1. First", "1"):
        untitled = styles.format_citation({**BARE, "title": title}, style)
        assert untitled.lstrip(QUOTES).lower().startswith(title.lower())


@pytest.mark.parametrize(
    "style", ["apa", "mla", "chicago", "harvard", "nature", "elsevier-harvard"]
)
def test_a_title_in_place_of_missing_authors_is_printed_once(style: str) -> None:
    assert styles.format_citation(BARE, style).lower().count("scan of a tooth") == 1
    assert styles.format_citation(FULL, style).lower().count("scan of a tooth") == 1


@pytest.mark.parametrize(
    ("family", "given", "style", "start"),
    [
        ("张", "三", "apa", "张三 ("),
        ("张", "三", "vancouver", "张三."),
        ("山田", "太郎", "ieee", "山田太郎,"),
        ("김", "민수", "apa", "김민수 ("),
        ("欧阳", "娜·娜", "apa", "欧阳娜·娜 ("),
        ("حسن", "علي", "apa", "حسن, علي. ("),
        ("hooks", "bell", "apa", "hooks, bell. ("),
        ("Müller", "Jean-Élie", "apa", "Müller, J.-É. ("),
        ("Gogh", "Vincent van", "apa", "Gogh, V. van. ("),
        ("Ødegård", "Åse", "ieee", "Å. Ødegård,"),
    ],
)
def test_names_are_printed_as_their_languages_write_them(
    family: str, given: str, style: str, start: str
) -> None:
    record = {**FULL, "author": [{"family": family, "given": given}]}
    assert (
        styles.format_citation(record, style)
        .replace(". (", " (")
        .startswith(start.replace(". (", " ("))
    )


@pytest.mark.parametrize("style", ["apa", "mla", "chicago", "ieee", "vancouver", "harvard", "ama"])
def test_addresses_of_dois_are_escaped(style: str) -> None:
    text = styles.format_citation(RECORDS["a DOI of signs"], style)
    for address in re.findall(r"https?://\S+", text):
        assert not set("<>#[]") & set(address.rstrip("].")), text


@pytest.mark.parametrize("style", ["ieee", "nature", "chicago", "apa", "vancouver", "mla"])
@pytest.mark.parametrize(
    "title", ["Is it a kidney?", "The whole organ!", 'Is it "whole?"', "A kidney.", "What is it ?"]
)
def test_a_title_with_its_own_end_has_no_second_full_stop(style: str, title: str) -> None:
    text = styles.format_citation({**FULL, "title": title}, style)
    end = title.rsplit(maxsplit=1)[-1]
    assert end.lower() in text.lower()
    assert not re.search(re.escape(end) + r"[\u201d\u2019\"']?\.", text, re.IGNORECASE)
