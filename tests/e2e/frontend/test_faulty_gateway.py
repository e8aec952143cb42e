"""A gateway that is slow, refuses or sends hostile records: pages say so, stay whole, come back."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.drivers.instance import Portal
from tests.drivers.site.browser import Reader
from tests.drivers.site.faulty_gateway import Change, FaultyGateway, faulty_site

KIDNEY = "LADAF-2021-17_kidney_left_VOI-01.1_2.6um_bm05"
PAGE = f"/datasets/{KIDNEY}"
PICTURE = b"<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'/>"
SCRIPT = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>"
TEXTS = {
    "script": SCRIPT,
    "right to left": "كلية يسرى \u202etxt.exe kidney " * 3,
    "1000 characters": "Kidney" + "x" * 994,
}


@pytest.fixture(scope="module")
def gateway(atlas: Portal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyGateway]:
    with faulty_site(atlas.url, tmp_path_factory.mktemp("site")) as relay:
        yield relay


@pytest.fixture
def faulty(gateway: FaultyGateway, browser: Browser) -> Iterator[tuple[FaultyGateway, Reader]]:
    with Reader.opened(browser, gateway.site_url, viewport={"width": 320, "height": 700}) as reader:
        reader.context.route("**/data/**", _picture)
        yield gateway, reader
        # The browser reports the status of pages that a test made fail.
        failed = ("status of 503", "status of 410", "status of 429", "/events")
        reader.errors[:] = [e for e in reader.errors if not any(one in e for one in failed)]
    gateway.status = gateway.change = None
    gateway.answers.clear()
    gateway.open.set()


def _picture(route: Route) -> None:
    route.fulfill(content_type="image/svg+xml", body=PICTURE)


@pytest.mark.parametrize("path", ["/search?q=kidney", PAGE, f"{PAGE}/files", "/organs"])
def test_a_refusing_gateway_is_reported_and_the_page_comes_back(
    faulty: tuple[FaultyGateway, Reader], path: str
) -> None:
    gateway, reader = faulty
    gateway.status = 503
    answer = reader.page.goto(path)
    assert answer is not None
    assert answer.status == 503
    reader.settle()
    expect(reader.page.get_by_role("heading", level=1)).to_contain_text("does not answer")
    assert reader.violations() == []
    gateway.status = None
    reader.page.get_by_role("link", name="Load the page again").click()
    links = reader.page.locator("main a[href^='/datasets/'], main a[href^='/organs/']")
    expect(links.first).to_be_attached()  # they arrive after the heading
    expect(reader.page.get_by_role("heading", level=1)).not_to_contain_text("does not answer")


def test_a_gateway_that_does_not_answer_in_time_is_reported(
    faulty: tuple[FaultyGateway, Reader],
) -> None:
    gateway, reader = faulty
    gateway.open.clear()
    answer = reader.page.goto(PAGE)
    assert answer is not None
    assert answer.status == 503
    assert f'href="{PAGE}"' in answer.text()  # a path: the server need not know the protocol
    gateway.open.set()
    reader.page.get_by_role("link", name="Load the page again").click()
    expect(reader.page.get_by_role("heading", level=1)).to_contain_text("kidney")


@pytest.mark.parametrize("path", ["/", "/search?q=kidney", PAGE, "/documents/human-organ-atlas"])
def test_a_gateway_that_is_gone_is_reported_and_the_page_comes_back(
    faulty: tuple[FaultyGateway, Reader], path: str
) -> None:
    gateway, reader = faulty
    gateway.leave()
    try:
        answer = reader.page.goto(path)
        assert answer is not None
        assert answer.status == 503
        reader.settle()
        heading = reader.page.get_by_role("heading", level=1)
        expect(heading).to_contain_text("does not answer")
        assert reader.violations() == []
    finally:
        gateway.come_back()
    reader.page.get_by_role("link", name="Load the page again").click()
    expect(heading).not_to_contain_text("does not answer")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_hostile_metadata_break_no_page(faulty: tuple[FaultyGateway, Reader], text: str) -> None:
    gateway, reader = faulty
    gateway.change = _with_text(text)
    reader.page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
    for path in (PAGE, f"{PAGE}/files", "/search?q=kidney"):
        reader.open(path)
        assert reader.page.title() != "taken"
        assert reader.page.locator("img[src=x]").count() == 0
        assert not reader.scrolls_sideways(), path
        assert reader.violations() == []


def test_500_authors_are_listed_without_filling_the_page(
    faulty: tuple[FaultyGateway, Reader],
) -> None:
    gateway, reader = faulty
    person = {"name": "A Person", "organisation": False, "roles": ["Investigation"]}

    def change(path: str, content: Any) -> Any:
        if path == f"/api/records/{KIDNEY}":
            content["people"] = [{**person, "name": f"A{n} Person"} for n in range(500)]
        return content

    gateway.change = change
    page = reader.open(PAGE)
    expect(page.get_by_text("488 more people")).to_be_visible()
    expect(page.get_by_text("A499 Person")).to_be_hidden()
    assert not reader.scrolls_sideways()


@pytest.mark.parametrize(
    ("recorded", "listed", "text"),
    [(0, 0, "a record without files"), (3, 0, "their list is not here yet"), (1, 1, "1 file, ")],
    ids=["no files", "no list yet", "one file without an address"],
)
def test_short_lists_of_files_have_a_state_of_their_own(
    faulty: tuple[FaultyGateway, Reader], recorded: int, listed: int, text: str
) -> None:
    gateway, reader = faulty

    def change(path: str, content: Any) -> Any:
        if path == f"/api/records/{KIDNEY}":
            content["files"] |= {"count": recorded, "data_url": None}
        if path == f"/api/records/{KIDNEY}/files":
            counts = dict.fromkeys(("all_files", "files", "direct_files"), listed)
            rows = [{**row, "url": None, "availability": None} for row in content["rows"][:listed]]
            lists: dict[str, Any] = {
                "rows": rows,
                "folders": [],
                "roles": content["roles"][:listed],
            }
            return {**content, **counts, **lists, "pages": 1}
        return content

    gateway.change = change
    main = reader.open(f"{PAGE}/files").get_by_role("main")
    expect(main).to_contain_text(text)
    expect(main.get_by_role("searchbox")).to_have_count(0)
    expect(main.get_by_role("table", name="Files of the dataset")).to_have_count(listed)
    expect(main.locator("a[href^='/data/']:not(.formats a)")).to_have_count(0)
    assert reader.violations() == []
    assert not reader.scrolls_sideways()


def test_a_record_without_files_has_nothing_to_request(
    faulty: tuple[FaultyGateway, Reader],
) -> None:
    gateway, reader = faulty

    def change(path: str, content: Any) -> Any:
        if path == f"/api/records/{KIDNEY}":
            content["files"] |= {"count": 0, "bytes": 0}
        return content

    gateway.change = change
    main = reader.open(f"{PAGE}/download?level=all").get_by_role("main")
    expect(main).to_contain_text("nothing to download")
    expect(main.get_by_role("button", name="Request these files")).to_have_count(0)
    assert reader.violations() == []


def test_the_history_names_a_changed_field_once(faulty: tuple[FaultyGateway, Reader]) -> None:
    gateway, reader = faulty
    changed = {"kind": "changed", "label": "Metadata changed", "date": "2026-03-14T10:00:00Z",
               "detail": "Keywords", "version": 7, "fields": ["keywords"]}  # fmt: skip

    def change(path: str, content: Any) -> Any:
        if path == f"/api/records/{KIDNEY}/timeline":
            content["events"].append(changed)
        return content

    gateway.change = change
    event = reader.open(PAGE).locator("#version-7")
    expect(event.locator("p")).to_have_text("Metadata changed. Keywords. Version 7")


@pytest.mark.parametrize("page", ["", "/files"])
def test_a_tombstone_shows_why_when_and_what_instead(
    faulty: tuple[FaultyGateway, Reader], page: str
) -> None:
    gateway, reader = faulty
    remains = {
        "title": "Gone", "status": 410, "detail": "The donor was wrong.",
        "record_title": "Heart of DEMO-01, zoom VOI-02", "reason": "The donor was wrong.",
        "withdrawn_at": "2026-03-14T10:00:00Z", "doi": "10.5072/example",
        "superseded_by": KIDNEY, "citation": "A Person. Heart. https://doi.org/10.5072/example",
    }  # fmt: skip
    gateway.answers["/api/records/withdrawn"] = 410, remains
    gateway.answers["/api/records/withdrawn/files"] = 410, remains
    answer = reader.page.goto(f"/datasets/withdrawn{page}")
    assert answer is not None
    assert answer.status == 410
    reader.settle()
    main = reader.page.get_by_role("main")
    for text in ("The donor was wrong.", "Withdrawn 2026-03-14", "14 March 2026", "A Person."):
        expect(main).to_contain_text(text)
    assert reader.violations() == []
    assert not reader.scrolls_sideways()
    main.get_by_role("link", name="Left kidney of LADAF-2021-17, zoom VOI-01.1").click()
    expect(reader.page.get_by_role("heading", level=1)).to_contain_text("Left kidney")


@pytest.mark.parametrize(
    ("state", "text"),
    [("FAILED", "could not be read from tape"), ("EXPIRED", "on tape again"),
     ("CANCELLED", "Stopped")],
)  # fmt: skip
def test_a_request_that_ended_can_be_made_again(
    faulty: tuple[FaultyGateway, Reader], state: str, text: str
) -> None:
    gateway, reader = faulty
    gateway.answers["/api/downloads/ended"] = 200, {
        "pid": KIDNEY, "state": state, "done": True, "files": 12, "files_online": 0,
        "files_failed": 0, "bytes": 400_000_000, "bytes_online": 0, "place": None,
        "seconds_left": None, "created": "2026-03-14T14:02:00Z", "expected": None, "reason": None,
    }  # fmt: skip
    page = reader.open("/downloads/ended")
    main = page.get_by_role("main")
    expect(main).to_contain_text(text)
    expect(page.get_by_role("progressbar")).to_have_count(0)
    assert reader.violations() == []
    assert not reader.scrolls_sideways()
    main.get_by_role("link", name="Request again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Download")


def test_a_download_from_tape_shows_place_and_time_left(
    faulty: tuple[FaultyGateway, Reader],
) -> None:
    gateway, reader = faulty
    gateway.answers["/api/downloads/waiting"] = 200, {
        "pid": KIDNEY, "state": "RESTORING", "done": False, "files": 12, "files_online": 3,
        "files_failed": 0, "bytes": 400_000_000, "bytes_online": 100_000_000, "place": 2,
        "seconds_left": 1080, "created": "2026-03-14T14:02:00Z",
        "expected": "2026-03-14T14:27:00Z", "reason": None,
    }  # fmt: skip
    page = reader.open("/downloads/waiting")
    main = page.get_by_role("main")
    for text in ("18 minutes left", "100 MB of 400 MB", "3 of 12 files", "place 2 in the queue",
                 "Asked for 2026-03-14, 14:02", "expected 2026-03-14, 14:27"):  # fmt: skip
        expect(main).to_contain_text(text)
    expect(main.locator("[aria-current=step]")).to_contain_text("The tape is being read")
    bar = page.get_by_role("progressbar", name="Copied from tape")
    expect(bar).to_have_attribute("value", "25")
    assert reader.violations() == []
    assert not reader.scrolls_sideways()


def test_too_many_requests_are_explained(faulty: tuple[FaultyGateway, Reader]) -> None:
    gateway, reader = faulty
    gateway.status = 429
    answer = reader.page.goto("/search?q=kidney")
    assert answer is not None
    assert answer.status == 429
    reader.settle()
    expect(reader.page.get_by_role("main")).to_contain_text("Too many requests")
    assert reader.violations() == []


def _with_text(text: str) -> Change:
    """Returns a change that puts a text wherever a record has words of people."""
    words = {"title", "summary", "citation_title", "name_label", "value_label", "region", "reason"}
    of_files = {"name", "role_label", "format", "label"}

    def changed(content: Any, names: set[str]) -> Any:
        if isinstance(content, list):
            return [changed(one, names) for one in cast("list[Any]", content)]
        if not isinstance(content, dict):
            return content
        return {
            name: text if name in names and isinstance(value, str) else changed(value, names)
            for name, value in cast("dict[str, Any]", content).items()
        }

    def change(path: str, content: Any) -> Any:
        if path.startswith(f"/api/records/{KIDNEY}/files"):
            return changed(content, of_files)
        is_record = path.startswith(("/api/records/", "/api/search"))
        return changed(content, words) if is_record else content

    return change
