"""Readers who come back, and answers to their questions in the first rows."""

import re

from playwright.sync_api import expect

from tests.drivers import plain_http
from tests.drivers.instance import Portal
from tests.drivers.site.browser import Reader
from tests.integration.gateway.search import reader_questions

FIRST = 3
ROW = re.compile(r'<th[^>]*class="name"[^>]*>\s*<a href="/datasets/([^"]+)"')


def test_back_restores_focus_and_scroll(reader: Reader) -> None:
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


def test_forward_restores_focus_and_scroll(reader: Reader) -> None:
    page = reader.open("/search?organ=kidney")
    page.locator("table.rows th.name a").first.click()
    page.wait_for_url("**/datasets/**")
    dataset = page.url
    link = page.locator("#formats a").first
    link.scroll_into_view_if_needed()
    before = page.evaluate("window.scrollY")
    assert before > 0
    name = link.get_attribute("href")
    link.focus()
    page.go_back()
    page.wait_for_url("**/search?organ=kidney")
    page.go_forward()
    page.wait_for_url(dataset)
    expect(page.locator("#formats a").first).to_be_focused()
    assert page.locator(":focus").get_attribute("href") == name
    page.wait_for_function("place => Math.abs(scrollY - place) <= 2", arg=before)


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
