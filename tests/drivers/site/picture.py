"""`python -m tests.drivers.site.picture URL`: takes the picture of the README from a portal."""

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.drivers.site.browser import PROGRAM, SWITCHES

PAGE = "/datasets/LADAF-2021-17_kidney_left_VOI-01.1_2.6um_bm05"
FILE = Path(__file__).parents[3] / "docs" / "site.webp"
WINDOW = {"width": 1280, "height": 1020}


def main() -> None:
    url = sys.argv[1]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=SWITCHES)
        page = browser.new_page(base_url=url, viewport=WINDOW)
        page.goto(PAGE)
        page.wait_for_load_state("networkidle")
        picture = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
    picture.save(FILE, quality=80)
    sys.stdout.write(f"{FILE}: {FILE.stat().st_size // 1000} kB\n")


if __name__ == "__main__":
    main()
