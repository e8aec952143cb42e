"""What a reader types and chooses before the script of the page runs, and while it works."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.drivers.site.browser import Reader

KIDNEY = "LADAF-2021-17_kidney_left_VOI-01.1_2.6um_bm05"
SCRIPTS = "**/_app/immutable/**/*.js"
DATA = re.compile(r"__data\.json")  # of the next page
SLOW_MS = 250  # between letters: each is searched for


def stop_requests(page: Page, pattern: str | re.Pattern[str]) -> Callable[[], None]:
    """Lets no request with such an address through; returns what lets them through."""
    waiting: list[Route] | None = []

    def on_request(route: Route) -> None:
        if waiting is None:
            route.continue_()
        else:
            waiting.append(route)

    def release() -> None:
        nonlocal waiting
        routes, waiting = waiting or [], None
        for route in routes:
            route.continue_()

    page.route(pattern, on_request)
    return release


def open_without_script(page: Page, path: str) -> Callable[[], None]:
    """Opens a page whose scripts do not come; returns what lets them come."""
    release = stop_requests(page, SCRIPTS)
    page.goto(path, wait_until="commit")
    page.get_by_role("heading", level=1).wait_for()
    return release


def test_words_typed_before_the_script_runs_stay_in_the_box(reader: Reader) -> None:
    release = open_without_script(reader.page, "/")
    box = reader.page.get_by_role("combobox", name="Find an organ")
    box.press_sequentially("kid")
    release()
    reader.settle()
    expect(box).to_have_value("kid")
    expect(reader.page.get_by_role("option", name="Kidney").first).to_be_visible()


def test_a_filter_ticked_before_the_script_runs_is_applied(reader: Reader) -> None:
    release = open_without_script(reader.page, "/search")
    reader.page.get_by_role("checkbox", name="Kidney").check()
    release()
    expect(reader.page).to_have_url(re.compile(r"\?organ=kidney$"))
    expect(reader.page.get_by_role("checkbox", name="Kidney")).to_be_checked()


def test_the_name_of_a_file_typed_before_the_script_runs_is_searched_for(reader: Reader) -> None:
    release = open_without_script(reader.page, f"/datasets/{KIDNEY}/files")
    field = reader.page.get_by_role("searchbox", name="Part of the name")
    field.fill("zarr.json")
    release()
    reader.settle()
    expect(field).to_have_value("zarr.json")
    reader.page.get_by_role("button", name="Show").click()
    expect(reader.page).to_have_url(re.compile(r"/files\?name=zarr\.json$"))


def test_a_choice_made_before_the_script_runs_is_applied(reader: Reader) -> None:
    release = open_without_script(reader.page, f"/datasets/{KIDNEY}/download")
    reader.page.get_by_role("radio", name="All files").check()
    release()
    expect(reader.page).to_have_url(re.compile("level=all"))
    expect(reader.page.get_by_role("radio", name="All files")).to_be_checked()


@pytest.mark.parametrize("path", ["/", "/search"])
def test_each_letter_of_a_slow_reader_counts(reader: Reader, path: str) -> None:
    """The same person was suggested under two names, and the page stopped."""
    page = reader.open(path)
    box = page.get_by_role("combobox", name="Find an organ")
    box.press_sequentially("kid", delay=SLOW_MS)
    expect(box).to_have_value("kid")
    expect(page.get_by_role("option", name="Kidney").first).to_be_visible()
    if path == "/search":
        expect(page).to_have_url(re.compile(r"\?q=kid$"))
        expect(page.get_by_role("heading", level=1)).to_contain_text("38 datasets")


def test_the_second_end_of_a_range_is_typed_while_the_first_is_searched_for(reader: Reader) -> None:
    page = reader.open("/search")
    release = stop_requests(page, DATA)
    page.get_by_label("From (µm)").first.fill("2")
    page.keyboard.press("Tab")
    page.keyboard.type("6")
    release()
    expect(page).to_have_url(re.compile(r"voxel_um=2\.\.$"))
    expect(page.get_by_role("link", name=re.compile("Remove Voxel size"))).to_be_visible()
    expect(page.get_by_label("To (µm)").first).to_have_value("6")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"voxel_um=2\.\.6$"))


@pytest.mark.parametrize(
    "query", ["organ=kidney&organ=kidney", "year=2020&year=2020", "q=kidney&q=kidney&sort=a&sort=a"]
)
def test_a_parameter_that_is_repeated_leaves_the_page_usable(reader: Reader, query: str) -> None:
    page = reader.open(f"/search?{query}")
    page.get_by_role("combobox", name="Find an organ").fill("lung")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile("q=lung"))
