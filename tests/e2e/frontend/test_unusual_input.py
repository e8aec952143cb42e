"""Hostile and unusual addresses and words: a sentence beside the box, never a broken page."""

from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import expect

from tests.drivers import plain_http
from tests.drivers.instance import Portal
from tests.drivers.site.browser import Reader

SCRIPT = "<script>document.title='taken'</script>\"'><img src=x onerror=alert(1)>"


def test_script_in_the_words_is_text(reader: Reader) -> None:
    page = reader.page
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
    reader.open(f"/search?q={quote(SCRIPT)}")
    expect(page.get_by_role("combobox", name="Find an organ")).to_have_value(SCRIPT)
    assert "dataset" in page.get_by_role("heading", level=1).inner_text()
    assert page.title() != "taken"
    assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("voxel_um=abc", "write 2..10"),
        ("organ=kidney&page=-1", "page"),
        ("colour=red", "Unknown parameter"),
        ("q=" + "a" * 10_000, "more than 500 characters"),
    ],
    ids=["no number", "page below one", "unknown parameter", "long text"],
)
def test_a_refused_search_shows_why(plain_reader: Reader, query: str, reason: str) -> None:
    page = plain_reader.page
    page.goto(f"/search?{query}")
    expect(page.get_by_role("alert")).to_contain_text(reason)
    expect(page.get_by_role("combobox", name="Find an organ")).to_be_visible()
    page.get_by_role("link", name="Show all datasets").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("378 datasets")


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "q=%ff%fe",
        "q=" + quote("كلية 肾脏 🫀 \u202etxt"),
        "q=" + quote("()[]{}^$*?|\\/\"'`;--"),
        "q=a&q=b",
        "view=%3Csvg%3E&sort=%27",
        "organ=__proto__&constructor=x",
        "z=1&__data.json=1",
        "page=99999999999999999999",
    ],
    ids=["null", "no UTF-8", "scripts", "signs", "twice", "view", "proto", "data", "page"],
)
def test_no_address_breaks_the_search_page(atlas: Portal, query: str) -> None:
    answer = plain_http.get(f"{atlas.url}/search?{query}", timeout=60)
    assert answer.status_code in {200, 400}
    assert "<h1" in answer.text


@pytest.mark.parametrize("path", ["/datasets/none", "/datasets/%2e%2e%2f", "/datasets/%00/view"])
def test_unknown_datasets_have_an_error_page(atlas: Portal, path: str) -> None:
    answer = plain_http.get(atlas.url + path, timeout=60)
    assert 400 <= answer.status_code < 500
    assert "no page at this address" in answer.text or "cannot be answered" in answer.text


@pytest.mark.parametrize("accept", ["text/html", "application/json", "text/turtle", "*/*"])
@pytest.mark.parametrize("name", ["%FF", "%E0%A4%A", "%C0%AF", "a%F0%9F", "%"])
@pytest.mark.parametrize("page", ["/datasets/", "/documents/", "/people/", "/organs/", "/"])
def test_escapes_that_are_no_utf_8_are_refused(
    atlas: Portal, page: str, name: str, accept: str
) -> None:
    """One such request for JSON ended the server of the site, for all readers."""
    before = atlas.instance()["services"]["site"]["pid"]
    site = HTTPConnection(urlsplit(atlas.url).netloc, timeout=60)
    with closing(site):
        site.request("GET", page + name, headers={"Accept": accept})
        answer = site.getresponse()
        text = answer.read().decode()
    assert 400 <= answer.status < 500
    if accept == "text/html":
        assert "cannot be answered" in text
    assert atlas.instance()["services"]["site"]["pid"] == before


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("application/json", b"{"),
        ("multipart/form-data; boundary=x", b"--x\r\nbad"),
        ("multipart/form-data", b""),
        ("text/plain", b"lengths=mm"),
        ("application/x-www-form-urlencoded", b"lengths=%FF&lengths=\xff&back=%00"),
    ],
)
def test_units_sent_in_another_form_are_no_fault(atlas: Portal, media: str, body: bytes) -> None:
    headers = {"Origin": atlas.url, "Content-Type": media}
    with plain_http.client(atlas.url, timeout=60) as client:
        answer = client.post("/lengths", content=body, headers=headers)
    assert answer.status_code in {303, 400}
