"""Journeys of readers who look for data: with script, without, and by keyboard alone."""

import re

from playwright.sync_api import Page, expect

from tests.drivers.instance import Portal
from tests.drivers.site.browser import Reader

KIDNEY = "LADAF-2021-17_kidney_left_VOI-01.1_2.6um_bm05"
NAME = "left kidney LADAF-2021-17"
TITLE = "Left kidney of LADAF-2021-17, zoom VOI-01.1"


def results(page: Page) -> str:
    """Returns how many datasets are found, in the words of the page."""
    return page.get_by_role("heading", level=1).inner_text()


def test_the_left_kidney_of_a_donor_is_found_and_cited(reader: Reader) -> None:
    page = reader.open("/search")
    page.get_by_role("combobox", name="Find an organ").fill(f"{NAME} 2.6 µm")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("table", name="Datasets found").get_by_role("link", name=TITLE).click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text("Left kidney of LADAF-2021-17")
    expect(heading).to_contain_text("2.6 µm")
    cite(page)


def test_the_left_kidney_is_found_and_cited_without_script(plain_reader: Reader) -> None:
    page = plain_reader.page
    page.goto("/search")
    page.get_by_role("combobox", name="Find an organ").fill(NAME)
    page.get_by_label("From (µm)").first.fill("2")
    page.get_by_role("button", name="Search").click()
    page.get_by_label("From (µm)").first.fill("2.6")
    page.get_by_label("To (µm)").first.fill("2.6")
    page.get_by_role("button", name="Apply the filters").click()
    expect(page).to_have_url(re.compile(r"voxel_um=2\.6\.\.2\.6"))
    page.get_by_role("link", name=TITLE).click()
    cite(page)


def cite(page: Page) -> None:
    """Opens the citation in BibTeX, which is there to be copied."""
    page.get_by_role("link", name="Cite", exact=True).first.click()
    fold = page.locator("details", has=page.locator("summary", has_text="BibTeX"))
    fold.locator("summary").click()
    entry = fold.locator("pre")
    expect(entry).to_be_visible()
    expect(entry).to_contain_text(re.compile(r"^\s*@\w+\{"))
    expect(entry).to_contain_text("10.15151/")


def test_the_left_kidney_is_found_by_keyboard_alone(reader: Reader) -> None:
    page = reader.open("/about")
    page.keyboard.press("/")
    page.keyboard.type(f"{NAME} VOI-01.1")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/search\?.*VOI-01\.1"))
    link = page.get_by_role("table", name="Datasets found").get_by_role("link", name=TITLE)
    expect(link).to_be_visible()
    reader.tab_to(link)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/datasets/{KIDNEY}$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Left kidney")
    reader.tab_to(page.get_by_role("link", name="Cite", exact=True).first)
    page.keyboard.press("Enter")
    fold = page.locator("details", has=page.locator("summary", has_text="BibTeX"))
    reader.tab_to(fold.locator("summary"))
    page.keyboard.press("Enter")
    expect(fold.locator("pre")).to_contain_text("10.15151/")


def test_the_filters_are_skipped_by_keyboard(reader: Reader) -> None:
    page = reader.open("/search?q=kidney")
    page.get_by_role("button", name="Search").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip the filters")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Sorted by")).to_be_focused()


def test_words_and_the_filter_find_the_same_lungs(reader: Reader, atlas: Portal) -> None:
    total = atlas.api("/search", organ="lung", pathology="COVID-19")["total"]
    assert total > 50
    heading = f"{total} datasets"
    page = reader.open("/search?q=covid+lung")
    assert results(page) == heading
    page = reader.open("/search?organ=lung")
    filters = page.get_by_role("form", name="Filters")
    if not filters.is_visible():
        page.locator("details.filters > summary").click()
    filters.locator("summary", has_text="Disease").click()
    filters.get_by_role("checkbox", name="COVID-19").check()
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    expect(page).to_have_url(re.compile("organ=lung.*pathology=COVID-19"))
    again = reader.open(page.url)  # whoever gets the address sees the same
    assert results(again) == heading
    for name in ("Lung", "COVID-19"):
        expect(again.get_by_role("checkbox", name=name).first).to_be_checked()
    again.get_by_role("link", name="Remove Disease: COVID-19").click()
    expect(again.get_by_role("heading", level=1)).not_to_have_text(heading)
    expect(again).to_have_url(re.compile(r"\?organ=lung$"))


def test_the_filter_finds_the_lungs_without_script(plain_reader: Reader, atlas: Portal) -> None:
    total = atlas.api("/search", organ="lung", pathology="COVID-19")["total"]
    page = plain_reader.page
    page.goto("/search?organ=lung")
    page.get_by_role("form", name="Filters").locator("summary", has_text="Disease").click()
    page.get_by_role("checkbox", name="COVID-19").check()
    page.get_by_role("button", name="Apply the filters").click()
    assert results(page) == f"{total} datasets"
    expect(page).to_have_url(re.compile("organ=lung.*pathology=COVID-19"))


def test_the_filter_finds_the_lungs_by_keyboard_alone(reader: Reader, atlas: Portal) -> None:
    total = atlas.api("/search", organ="lung", pathology="COVID-19")["total"]
    page = reader.open("/search?organ=lung")
    filters = page.get_by_role("form", name="Filters")
    reader.tab_to(filters.locator("summary", has_text="Disease"))
    page.keyboard.press("Enter")
    reader.tab_to(filters.get_by_role("checkbox", name="COVID-19"))
    page.keyboard.press("Space")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{total} datasets")
    expect(filters.get_by_role("checkbox", name="COVID-19")).to_be_focused()


def test_a_long_list_of_values_has_a_box_of_its_own(reader: Reader) -> None:
    page = reader.open("/search")
    filters = page.get_by_role("form", name="Filters")
    last = filters.get_by_role("checkbox", name="UCL-ZCR-2010")
    expect(last).to_be_hidden()
    box = filters.get_by_role("searchbox", name="Find a value of: Donor")
    box.press_sequentially("ucl-zcr-2010")
    expect(last).to_be_visible()
    expect(filters.get_by_role("checkbox", name="LADAF-2021-17")).to_be_hidden()
    assert reader.violations() == []
    box.press("Enter")
    box.press("Tab")
    expect(page).to_have_url(re.compile(r"/search$"))
    last.check()
    expect(page).to_have_url(re.compile("donor=UCL-ZCR-2010"))


def test_results_follow_typing_and_the_focus_stays(reader: Reader) -> None:
    page = reader.open("/search")
    box = page.get_by_role("combobox", name="Find an organ")
    box.focus()
    with page.expect_navigation(url=re.compile(r"q=kidney$")):
        page.keyboard.type("kidney")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"^\d+ datasets$"))
    expect(box).to_be_focused()
    expect(box).to_have_value("kidney")


def test_back_and_forward_restore_results_and_place(reader: Reader) -> None:
    page = reader.open("/search?q=kidney")
    found = results(page)
    page.evaluate("scrollTo(0, 900)")
    place = page.evaluate("scrollY")
    assert place > 500
    page.locator("table.rows tbody th a").nth(6).evaluate("link => link.click()")
    expect(page).to_have_url(re.compile("/datasets/"))
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text(found)
    page.wait_for_function("place => Math.abs(scrollY - place) < 50", arg=place)
    expect(page.get_by_role("combobox", name="Find an organ")).to_have_value("kidney")
    page.go_forward()
    expect(page).to_have_url(re.compile("/datasets/"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("kidney", ignore_case=True)
