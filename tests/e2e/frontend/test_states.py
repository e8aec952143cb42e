"""Every page and state: no findings of axe, no sideways scrolling, no errors in the console."""

import re
from collections.abc import Iterator
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.drivers.instance import Portal
from tests.drivers.site.browser import Reader

KIDNEY = "LADAF-2021-17_kidney_left_VOI-01.1_2.6um_bm05"
NARROW = {"viewport": {"width": 320, "height": 700}}
LOOKS = {"light": {}, "dark": {"color_scheme": "dark"}, "narrow": NARROW}
PAGES = {
    "results": "/search?q=kidney&organ=kidney",
    "pictures": "/search?q=heart&view=cards",
    "none": "/search?q=kidney&organ=lung&sex=F&year=1999",
    "refused": "/search?voxel_um=abc",
    "dataset": f"/datasets/{KIDNEY}",
    "files": f"/datasets/{KIDNEY}/files",
    "no files": f"/datasets/{KIDNEY}/files?name=none-of-these&role=data",
    "files refused": f"/datasets/{KIDNEY}/files?role=colour",
    "view": f"/datasets/{KIDNEY}/view",
    "about": "/about",
    "home": "/",
    "organs": "/organs",
    "organ": "/organs/kidney",
    "donors": "/donors",
    "donor": "/donors/LADAF-2021-17",
    "series": "/donors/LADAF-2021-17/kidney",
    "download": f"/datasets/{KIDNEY}/download?part=box",
    "document": "/documents/human-organ-atlas",
    "status": "/status",
    "missing": "/datasets/none",
}


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest, browser: Browser, atlas: Portal) -> Iterator[Reader]:
    """A reader with a light or a dark screen, or a narrow one."""
    with Reader.opened(browser, atlas.url, **LOOKS[request.param]) as opened:
        yield opened


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_findings(look: Reader, name: str) -> None:
    page = look.open(PAGES[name])
    if name == "missing":  # the browser reports the status of the page itself
        look.errors[:] = [one for one in look.errors if PAGES[name] not in one]
    assert_sound(look, page)


DOUBLE_TEXT = """const sheet = new CSSStyleSheet();
    sheet.replaceSync(':root { font-size: 200% }');
    document.adoptedStyleSheets = [sheet];"""


@pytest.mark.parametrize("name", ["home", "results", "dataset", "files", "document", "download"])
def test_text_of_double_size_fits(reader: Reader, name: str) -> None:
    reader.page.add_init_script(DOUBLE_TEXT)
    page = reader.open(PAGES[name])
    assert page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") == 32
    assert_sound(reader, page)


def test_choices_of_a_download_stay_beside_the_summary(reader: Reader) -> None:
    reader.page.add_init_script(DOUBLE_TEXT)
    page = reader.open(PAGES["download"])
    ends = """form => [form, ...form.querySelectorAll('.choice *')]
      .map((one) => one.getBoundingClientRect().right)"""
    edge, *others = page.locator("form.steps").evaluate(ends)
    assert max(others) <= edge + 1


def test_open_filters_have_no_findings_on_a_narrow_screen(browser: Browser, atlas: Portal) -> None:
    with Reader.opened(browser, atlas.url, **NARROW) as reader:
        page = reader.open("/search?organ=lung")
        page.locator("details.filters > summary").click()
        expect(page.get_by_role("form", name="Filters")).to_be_visible()
        assert_sound(reader, page)


@pytest.mark.parametrize("path", ["/", "/search"])
def test_an_open_list_of_suggestions_has_no_findings(reader: Reader, path: str) -> None:
    page = reader.open(path)
    page.get_by_role("combobox", name="Find an organ").press_sequentially("kid")
    option = page.get_by_role("option", name="Kidney").first
    expect(option).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    assert_sound(reader, page)


def assert_sound(reader: Reader, page: Page) -> None:
    assert reader.violations() == []
    assert not reader.scrolls_sideways()
    expect(page.get_by_role("heading", level=1)).to_have_count(1)


@pytest.mark.parametrize("path", [PAGES["pictures"], PAGES["home"]])
def test_a_picture_that_cannot_be_had_leaves_no_sign_of_a_fault(reader: Reader, path: str) -> None:
    reader.context.route("**/data/**", lambda route: route.fulfill(status=404))
    page = reader.open(path)
    picture = page.locator("main img[alt='']").first
    picture.scroll_into_view_if_needed()
    broken = "one => one.complete && one.naturalWidth === 0"
    page.wait_for_function(f"({broken})(document.querySelector('main img[alt=\"\"]'))")
    box = picture.bounding_box()
    assert box
    clip = {"x": box["x"], "y": box["y"], "width": 32, "height": 32}
    corner = Image.open(BytesIO(page.screenshot(clip=clip)))  # where browsers draw the sign
    assert len(corner.convert("RGB").getcolors(1024) or []) == 1
    reader.errors[:] = [one for one in reader.errors if "/data/" not in one]


@pytest.mark.parametrize("page_of", ["", "/files", "/download", "/view"])
def test_a_missing_page_names_datasets_that_are_near(reader: Reader, page_of: str) -> None:
    wrong = f"/datasets/{KIDNEY.removesuffix('bm05')}bm5{page_of}"
    page = reader.open(wrong)
    reader.errors[:] = [one for one in reader.errors if wrong not in one]
    assert reader.violations() == []
    page.get_by_role("link", name="Left kidney of LADAF-2021-17, zoom VOI-01.1").click()
    expect(page).to_have_url(re.compile(f"/datasets/{re.escape(KIDNEY)}$"))


def test_every_value_can_be_copied_and_searched_for(reader: Reader) -> None:
    reader.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = reader.open(PAGES["dataset"])
    known = page.locator("dl.meta > div").filter(has=page.locator("dd"))
    energy = known.filter(has_text="X-ray energy")
    energy.get_by_role("button", name="Copy X-ray energy").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_attached()
    shown = energy.get_by_role("link").first.inner_text()
    assert page.evaluate("navigator.clipboard.readText()") == shown
    expect(energy.get_by_role("link").first).to_have_attribute("href", re.compile(r"^/search\?"))
