"""The page of the 3D viewer: it draws, its controls act, and the address carries the view."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.drivers import plain_http
from tests.drivers.instance import Portal, until
from tests.drivers.site.browser import Reader

pytestmark = pytest.mark.timeout(1500)  # the import first; then WebGL is drawn by the processor

KIDNEY = "LADAF-2021-17_kidney_left_VOI-01.1_2.6um_bm05"
VIEW = f"/datasets/{KIDNEY}/view"
SECONDS = 90_000


@pytest.fixture(scope="module")
def online(atlas: Portal) -> Portal:
    """The instance with the files of one dataset online."""
    requested = plain_http.post(f"{atlas.url}/api/downloads", json={"pid": KIDNEY}, timeout=60)
    request = requested.raise_for_status().json()
    until(lambda: plain_http.get(atlas.url + request["self"], timeout=60).json()["done"], 120)
    return atlas


def opened(reader: Reader, path: str = VIEW) -> Page:
    """Opens the page; returns when the viewer has its volumes."""
    page = reader.page
    page.goto(path)
    page.locator("main[data-phase=ready]").wait_for(timeout=SECONDS)
    return page


def test_the_viewer_draws_the_volume(online: Portal, reader: Reader) -> None:
    refused: list[str] = []
    reader.page.on(
        "response", lambda got: refused.append(got.url) if got.status not in {200, 206, 404} else 0
    )
    hosts: set[str] = set()
    reader.page.on(
        "request", lambda sent: hosts.add(re.sub(r"^(blob:)?(\w+://[^/]+).*", r"\2", sent.url))
    )
    page = opened(reader)
    frame = page.frame_locator("iframe")
    canvas = frame.locator("canvas").first
    expect(canvas).to_have_attribute("role", "img")
    until(lambda: greys(page.locator("iframe").screenshot(timeout=SECONDS)) > 5000, 120)
    assert refused == []
    assert hosts <= {online.url}
    assert reader.violations() == []


def greys(picture: bytes) -> int:
    """Returns how many pixels of a picture are grey, neither black nor coloured."""
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    return int(((pixels.min(2) > 20) & (np.ptp(pixels, 2) < 3)).sum())


def test_controls_change_the_view_and_its_address(online: Portal, reader: Reader) -> None:
    page = opened(reader)
    x = page.get_by_label("x in millimetres")
    expect(x).to_have_value(re.compile(r"^\d"))
    x.fill("44")
    x.press("Enter")
    expect(page).to_have_url(re.compile("#!"), timeout=SECONDS)
    expect(x).to_have_value("44", timeout=SECONDS)
    boxes = page.get_by_role("checkbox", name="Zooms as boxes")
    boxes.uncheck()
    brightest = page.get_by_label("Brightest")
    brightest.fill("40000")
    expect(page).to_have_url(re.compile("40000"), timeout=SECONDS)
    expect(page).to_have_url(re.compile("visible%22%3Afalse"), timeout=SECONDS)
    address = page.url
    page.goto("about:blank")
    opened(reader, address)
    expect(x).to_have_value("44", timeout=SECONDS)
    expect(boxes).not_to_be_checked()
    expect(brightest).to_have_value("40000")


def test_without_script_there_are_three_slices(online: Portal, plain_reader: Reader) -> None:
    page = plain_reader.page
    page.goto(VIEW)
    expect(page.get_by_text("The 3D viewer needs JavaScript")).to_be_visible()
    pictures = page.locator("main figure img")
    expect(pictures).to_have_count(3)
    for picture in pictures.all():
        picture.evaluate("image => image.decode()")
    page.get_by_role("link", name="Back to the dataset").click()
    expect(page).to_have_url(re.compile(f"/datasets/{KIDNEY}$"))


def test_without_webgl_there_are_three_slices_and_the_reason(
    online: Portal, reader: Reader
) -> None:
    reader.context.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page = reader.page
    page.goto(VIEW)
    page.locator("main[data-phase=failed]").wait_for(timeout=SECONDS)
    expect(page.get_by_role("alert")).to_contain_text("here are three slices of the same volume")
    expect(page.locator("main figure img")).to_have_count(3)
    expect(page.get_by_role("form", name="What is shown")).to_have_count(0)
    assert reader.violations() == []
