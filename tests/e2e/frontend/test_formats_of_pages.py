"""The address of a record's page answers programs in the format that they accept."""

import json
import re
from html import unescape

import pytest

from tests.drivers import plain_http
from tests.drivers.instance import Portal

PAGES = (
    "/datasets/LADAF-2021-17_kidney_left_VOI-01.1_2.6um_bm05",
    "/documents/human-organ-atlas",
)
CRATE = 'application/ld+json;profile="https://w3id.org/ro/crate"'
CROISSANT = 'application/ld+json;profile="http://mlcommons.org/croissant/1.0"'
FORMATS = {  # accepted, its media type, and what only this format has
    "turtle": ("text/turtle", "text/turtle", "@prefix"),
    "cff": ("application/yaml, text/html;q=0.5", "application/yaml", "cff-version:"),
    "ro-crate": (CRATE, "application/ld+json", "ro-crate-metadata.json"),
    "croissant": (CROISSANT, "application/ld+json", "mlcommons.org/croissant"),
    "json-ld": ("application/ld+json", "application/ld+json", "schema.org"),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("page", PAGES, ids=["dataset", "document"])
def test_a_page_answers_in_the_accepted_format(atlas: Portal, page: str, name: str) -> None:
    accept, media, sign = FORMATS[name]
    record = atlas.api(f"/records/{page.rpartition('/')[2]}")
    if name not in [one["name"] for one in record["formats"]]:
        pytest.skip(f"there is no {name} of such records")
    answer = plain_http.get(atlas.url + page, headers={"accept": accept}, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == media
    assert "accept" in answer.headers["vary"].lower()
    assert sign in answer.text


@pytest.mark.parametrize("page", [*PAGES, "/search", "/"])
def test_readers_get_the_page_and_caches_learn_what_it_depends_on(atlas: Portal, page: str) -> None:
    answer = plain_http.get(atlas.url + page, headers={"accept": "text/html"}, timeout=60)
    assert answer.headers["content-type"].startswith("text/html")
    assert "accept" in answer.headers["vary"].lower()


def test_a_format_that_no_record_has_is_refused_with_those_there_are(atlas: Portal) -> None:
    answer = plain_http.get(atlas.url + PAGES[0], headers={"accept": "image/png"}, timeout=60)
    assert answer.status_code == 406
    assert "text/turtle" in answer.text
    assert "accept" in answer.headers["vary"].lower()


@pytest.mark.parametrize("page", PAGES, ids=["dataset", "document"])
def test_links_of_a_page_name_the_profiles_of_their_formats(atlas: Portal, page: str) -> None:
    links = atlas.api(f"/records/{page.rpartition('/')[2]}")["links"]
    expected = {(one["href"], one["profile"]) for one in links if one["profile"]}
    html = plain_http.get(atlas.url + page, headers={"accept": "text/html"}, timeout=60).text
    found = re.findall(r'<link rel="describedby" href="([^"]+)"[^>]* profile="([^"]+)"/?>', html)
    assert {(unescape(href), profile) for href, profile in found} == expected != set()


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        ("/", "DataCatalog"),
        ("/organs/kidney", "Collection"),
        ("/donors/LADAF-2021-17", "Collection"),
        ("/donors/LADAF-2021-17/kidney", "Collection"),
    ],
)
def test_pages_of_several_datasets_are_collections(atlas: Portal, page: str, kind: str) -> None:
    with plain_http.client(atlas.url, headers={"accept": "text/html"}, timeout=60) as client:
        answer, head = client.get(page), client.head(page)
    [block] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', answer.text)
    found = json.loads(block)
    assert (found["@type"], found["@id"]) == (kind, atlas.url + page)
    parts = found["dataset" if kind == "DataCatalog" else "hasPart"]
    assert {part["@type"] for part in parts} == {"Dataset"}
    for headers in (answer.headers, head.headers):
        links = re.findall(r'<([^>]+)>; rel="([a-z]+)"', headers["link"])
        assert ("https://schema.org/" + kind, "type") in links
        for href, rel in links:
            assert f'<link rel="{rel}" href="{href}"' in answer.text


def test_browsers_find_the_mark_beside_what_is_no_page(atlas: Portal) -> None:
    """They look for it at this address where no page names another: beside texts and pictures."""
    mark = plain_http.get(f"{atlas.url}/favicon.ico", timeout=60)
    assert mark.status_code == 200
    assert mark.content.startswith(b"\x00\x00\x01\x00")


def test_robots_find_every_page_in_the_sitemap(atlas: Portal) -> None:
    robots = plain_http.get(f"{atlas.url}/robots.txt", timeout=60)
    address = re.search(r"^Sitemap: (\S+)$", robots.text, re.MULTILINE)
    assert address
    answer = plain_http.get(address[1], timeout=60)
    assert answer.headers["content-type"].startswith("application/xml")
    pages = re.findall(r"<loc>([^<]+)</loc>", answer.text)
    assert len(pages) == len(set(pages))
    assert {atlas.url + page for page in (*PAGES, "/", "/about")} <= set(pages)
    assert plain_http.get(f"{address[1]}?after=x", timeout=60).status_code == 400
