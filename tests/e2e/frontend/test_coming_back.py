"""Readers who come back: focus and scroll position, large letters, answers to their questions."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.drivers import plain_http
from tests.drivers.instance import Portal
from tests.drivers.site.browser import Reader
from tests.integration.gateway.search import reader_questions

KIDNEY = "LADAF-2021-17_kidney_left_VOI-01.1_2.6um_bm05"
FIRST = 3
ROW = re.compile(r'<th[^>]*class="name"[^>]*>\s*<a href="/datasets/([^"]+)"')


def test_back_and_forward_restore_focus_and_scroll(reader: Reader) -> None:
    page = reader.open("/search?organ=kidney")
    link = page.locator("table.rows th.name a").nth(14)
    link.scroll_into_view_if_needed()
    name = link.inner_text()
    before = page.evaluate("window.scrollY")
    assert before > 0
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/datasets/**")
    page.go_back()
    page.wait_for_url("**/search?organ=kidney")
    expect(page.locator("table.rows th.name a").nth(14)).to_be_focused()
    assert page.locator(":focus").inner_text() == name
    assert abs(page.evaluate("window.scrollY") - before) <= 2
    page.go_forward()
    page.wait_for_url("**/datasets/**")
    assert page.evaluate("window.scrollY") == 0


@pytest.mark.parametrize("path", ["/", "/search?q=kidney", f"/datasets/{KIDNEY}", "/organs"])
def test_pages_fit_at_200_percent(browser: Browser, atlas: Portal, path: str) -> None:
    zoomed = {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2}
    with Reader.opened(browser, atlas.url, **zoomed) as reader:
        reader.open(path)
        assert not reader.scrolls_sideways()
        assert reader.violations() == []


def test_questions_of_readers_are_answered_in_the_first_rows(atlas: Portal) -> None:
    questions = reader_questions.answers()
    assert len(questions) >= 40
    failed: dict[str, list[str]] = {}
    for question, expected in questions.items():
        answer = plain_http.get(f"{atlas.url}/search", params={"q": question}, timeout=60)
        rows = ROW.findall(answer.text)[:FIRST]
        if len(rows) < min(FIRST, len(expected)) or not set(rows) <= expected:
            failed[question] = rows
    assert failed == {}
