"""The reader's choice of units: µm, mm, or each where it suits."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.drivers.instance import Portal
from tests.drivers.site.browser import Reader


def choose(page: Page, name: str) -> None:
    """Presses a button of the first switch of units."""
    group = page.get_by_role("group", name="Lengths in").first
    group.get_by_role("button", name=name, exact=True).click()
    pressed = page.get_by_role("group", name="Lengths in").first.get_by_role(
        "button", name=name, exact=True
    )
    expect(pressed).to_have_attribute("aria-pressed", "true")


def test_lengths_change_at_once_and_stay_chosen(reader: Reader) -> None:
    page = reader.open("/search?q=kidney&voxel_um=..3")
    table = page.get_by_role("table", name="Datasets found")
    expect(table).to_contain_text("µm")
    choose(page, "mm")
    expect(table).not_to_contain_text("µm")
    expect(
        page.get_by_role("link", name=re.compile("Remove Voxel size: up to 0.003 mm"))
    ).to_be_visible()
    page.get_by_label("To (mm)").first.fill("0.0065")
    page.get_by_label("To (mm)").first.press("Tab")
    expect(page).to_have_url(re.compile(r"voxel_um=\.\.6\.5"))
    table.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile("/datasets/"))
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile(r"0\.00\d+\smm"))
    assert reader.violations() == []


def test_lengths_are_chosen_without_script_for_this_reader_alone(
    plain_reader: Reader, reader: Reader
) -> None:
    page = plain_reader.page
    page.goto("/search?q=kidney&view=cards")
    choose(page, "µm")
    expect(page).to_have_url(re.compile(r"/search\?q=kidney&view=cards$"))
    expect(page.locator(".cards")).not_to_contain_text(" mm")
    page.goto("/organs")
    expect(
        page.get_by_role("group", name="Lengths in").get_by_role("button", name="µm", exact=True)
    ).to_have_attribute("aria-pressed", "true")
    other = reader.open("/organs").get_by_role("group", name="Lengths in")
    usual = other.get_by_role("button", name="µm and mm", exact=True)
    expect(usual).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("path", ["/search?q=brain", "/donors/LADAF-2021-17", "/donors"])
def test_long_numbers_fit_a_narrow_screen(browser: Browser, atlas: Portal, path: str) -> None:
    with Reader.opened(browser, atlas.url, viewport={"width": 320, "height": 700}) as reader:
        reader.context.add_cookies([{"name": "lengths", "value": "um", "url": atlas.url}])
        reader.open(path)
        assert not reader.scrolls_sideways()
