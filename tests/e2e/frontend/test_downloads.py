"""Journeys of readers who take a volume home, or follow a zoom into its overview: each with script,
without, and by keyboard alone."""

import re
import zipfile

import pytest
from playwright.sync_api import Download, Locator, Page, expect

from tests.drivers.site.browser import Reader

KIDNEY = "LADAF-2021-17_kidney_left_VOI-01.1_2.6um_bm05"
PAGE = f"/datasets/{KIDNEY}"
WHOLE = re.compile("Left kidney of LADAF-2021-17, *whole organ")


@pytest.fixture(params=["script", "no script"])
def any_reader(request: pytest.FixtureRequest) -> Reader:
    """A reader with script, then one without."""
    found: Reader = request.getfixturevalue(
        {"script": "reader", "no script": "plain_reader"}[request.param]
    )
    return found


def link_of_first_size(page: Page) -> Locator:
    """The download of the size with which readers should start."""
    row = page.get_by_role("row").filter(has_text="start here")
    return row.get_by_role("link", name=re.compile("^Download at"))


def assert_volume(download: Download) -> None:
    """The file is a complete archive with a volume in it."""
    with zipfile.ZipFile(download.path()) as archive:
        assert archive.testzip() is None
        assert any(name.endswith("zarr.json") for name in archive.namelist())


def test_a_small_version_is_downloaded(any_reader: Reader) -> None:
    page = any_reader.page
    page.goto(PAGE)
    link_of_first_size(page).click()
    expect(page).to_have_url(re.compile(r"/download\?level=\d+$"))
    summary = page.get_by_role("complementary", name="Your download")
    expect(summary).to_contain_text(re.compile(r"\d[\d,]*\sbytes"))
    expect(summary).to_contain_text("At 10 Mbit/s")
    with page.expect_download() as started:
        summary.get_by_role("link", name=re.compile("^Download")).click()
    assert_volume(started.value)


def test_a_small_version_is_downloaded_by_keyboard_alone(reader: Reader) -> None:
    page = reader.open(PAGE)
    reader.tab_to(link_of_first_size(page))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/download\?level=\d+$"))
    summary = page.get_by_role("complementary", name="Your download")
    reader.tab_to(summary.get_by_role("link", name=re.compile("^Download")))
    with page.expect_download() as started:
        page.keyboard.press("Enter")
    assert_volume(started.value)


def test_a_box_outside_of_the_volume_is_explained_and_can_be_left(reader: Reader) -> None:
    """A field that another choice had hidden was still checked by the browser, without a word."""
    page = reader.open(f"{PAGE}/download?part=box")
    end = page.get_by_role("spinbutton", name="x to")
    end.fill("99999999")
    end.press("Enter")
    expect(page.get_by_text("Along x the box must lie between 0 and")).to_be_visible()
    end.fill("-5")
    page.get_by_role("radio", name="All of it").check()
    expect(page).to_have_url(re.compile("part=all"))
    expect(page.get_by_role("complementary", name="Your download")).to_contain_text("bytes")


def test_a_zoom_leads_into_its_overview_and_back(any_reader: Reader) -> None:
    page = any_reader.page
    page.goto(PAGE)
    own = page.get_by_role("group", name="Zooms in the whole organ").locator("[aria-current=true]")
    expect(own).to_have_attribute("href", PAGE)
    page.locator("figcaption").get_by_role("link", name="whole organ").click()
    expect_overview(page)
    boxes = page.get_by_role("group", name="Zooms in the whole organ")
    boxes.locator(f"a[href='{PAGE}']").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("zoom VOI-01.1")


def test_a_zoom_leads_into_its_overview_by_keyboard_alone(reader: Reader) -> None:
    page = reader.open(PAGE)
    reader.tab_to(page.locator("figcaption").get_by_role("link", name="whole organ"))
    page.keyboard.press("Enter")
    expect_overview(page)


def expect_overview(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text(WHOLE)
    expect(page.get_by_role("heading", name="Zooms into this organ")).to_be_visible()
