"""How often a dataset was seen: readers are counted, robots are not."""

from playwright.sync_api import Browser, expect

from tests.drivers.instance import Portal, until
from tests.drivers.site.browser import Reader

NAME = "LADAF-2021-17_kidney_left_complete-organ_25.14um_bm05"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def views(atlas: Portal) -> int:
    found: int = atlas.api(f"/records/{NAME}/usage")["views"]
    return found


def test_readers_of_a_page_are_counted(browser: Browser, atlas: Portal) -> None:
    before = views(atlas)
    with Reader.opened(browser, atlas.url, user_agent="Mozilla/5.0 (somebot/1.0)") as robot:
        robot.open(f"/datasets/{NAME}")
    with Reader.opened(browser, atlas.url, user_agent=BROWSER) as reader:
        for path in (f"/datasets/{NAME}", f"/datasets/{NAME}/files", f"/datasets/{NAME}?z=1"):
            reader.open(path)
        until(lambda: views(atlas) > before)
        page = reader.open(f"/datasets/{NAME}")
        use = page.get_by_text("and downloaded")
        expect(use).to_contain_text("Seen")
        expect(use).to_contain_text("since 20")
        assert reader.context.cookies() == []
    with Reader.opened(browser, atlas.url, user_agent=f"{BROWSER} other") as reader:
        reader.open(f"/datasets/{NAME}")
    until(lambda: views(atlas) >= before + 2)
    assert views(atlas) == before + 2  # the same reader loaded the page twice
