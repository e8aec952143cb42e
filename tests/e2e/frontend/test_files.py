"""Journeys of readers who look for a file of a dataset: with script, and without."""

import hashlib
import re
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.drivers import plain_http
from tests.drivers.instance import Portal
from tests.drivers.site.browser import Reader

KIDNEY = "LADAF-2021-17_kidney_left_VOI-01.1_2.6um_bm05"
PAGE = f"/datasets/{KIDNEY}"


@pytest.fixture(params=["script", "no script"])
def any_reader(request: pytest.FixtureRequest) -> Reader:
    """A reader with script, then one without."""
    found: Reader = request.getfixturevalue(
        {"script": "reader", "no script": "plain_reader"}[request.param]
    )
    return found


def rows(page: Page) -> Locator:
    return page.get_by_role("table", name="Files of the dataset").locator("tbody tr")


def files(atlas: Portal, **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = atlas.api(f"/records/{KIDNEY}/files", **query)
    return found


def test_each_role_is_in_the_api_and_on_the_page(plain_reader: Reader, atlas: Portal) -> None:
    page, found = plain_reader.page, files(atlas)
    roles = {one["role"]: one for one in found["roles"]}
    assert {"metadata", "level-0"} <= set(roles)
    page.goto(f"{PAGE}/files")
    sums = page.get_by_role("table", name="Files by what they are for", exact=True)
    for role, one in roles.items():
        selected = files(atlas, role=role)
        assert selected["files"] == one["files"]
        assert {row["role_label"] for row in selected["rows"]} == {one["label"]}
        expect(sums.get_by_role("row").filter(has_text=one["label"]).first).to_be_visible()
        page.goto(f"{PAGE}/files?role={role}")
        expect(rows(page)).to_have_count(len(selected["rows"]))
        expect(rows(page).first).to_contain_text(one["label"])
        page.goto(f"{PAGE}/files")


def test_a_page_shows_what_the_api_has(plain_reader: Reader, atlas: Portal) -> None:
    page, found = plain_reader.page, files(atlas)
    page.goto(f"{PAGE}/files")
    expect(rows(page)).to_have_count(len(found["rows"]))
    for row, shown in zip(found["rows"], rows(page).all(), strict=True):
        expect(shown.get_by_role("link", name=row["name"], exact=True)).to_have_attribute(
            "href", row["url"]
        )
        for text in (row["role_label"], row["format"], f"{row['bytes']:,} bytes", row["sha256"]):
            expect(shown).to_contain_text(text)
        where = {"ONLINE": "Online", "ARCHIVED": "On tape"}[row["availability"]]
        expect(shown).to_contain_text(where)


def test_a_file_is_found_by_its_name_and_is_what_the_page_shows(
    any_reader: Reader, atlas: Portal
) -> None:
    page = any_reader.page
    page.goto(PAGE)
    page.get_by_role("link", name="list of files").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Files")
    page.get_by_role("searchbox", name="Part of the name").fill("ZARR.json")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"/files\?name=ZARR\.json$"))
    found = files(atlas, name="ZARR.json")
    expect(page.get_by_role("status").filter(has_text=f"{found['files']} of ")).to_be_visible()
    first = rows(page).filter(has_text="Online").first
    address = first.locator("th a").first.get_attribute("href") or ""
    content = plain_http.get(atlas.url + address, timeout=60).content
    assert hashlib.sha256(content).hexdigest() == first.locator("code").inner_text()
    page.get_by_role("link", name="Remove Name: ZARR.json").click()
    expect(page).to_have_url(re.compile("/files$"))


def test_a_role_and_a_folder_are_chosen(any_reader: Reader, atlas: Portal) -> None:
    page, found = any_reader.page, files(atlas)
    folder = max(found["folders"], key=lambda one: one["files"])["folder"]
    page.goto(f"{PAGE}/files")
    page.get_by_role("table", name="Files by folder", exact=True).get_by_role(
        "link", name=f"{folder}/", exact=True
    ).click()
    expect(page).to_have_url(re.compile(f"folder={re.escape(quote(folder, safe=''))}$"))
    page.get_by_role("combobox", name="What they are for").select_option("level-0")
    if any_reader.page.locator("html.js").count() == 0:
        page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"/files\?role=level-0&folder="))
    selected = files(atlas, role="level-0", folder=folder)
    expect(page.get_by_role("status").filter(has_text=" of ")).to_contain_text(
        f"{selected['files']:,} of {found['all_files']:,} files"
    )
    page.get_by_role("link", name="Show all files").click()
    expect(page).to_have_url(re.compile("/files$"))


def test_pages_are_numbered_and_their_addresses_have_one_form(
    plain_reader: Reader, atlas: Portal
) -> None:
    found = files(atlas, page=2, per_page=3)
    assert found["pages"] > 2
    page = plain_reader.page
    page.goto(f"{PAGE}/files?page=1&role=&name=")
    expect(page).to_have_url(re.compile("/files$"))
    page.goto(f"{PAGE}/files?per_page=3")
    pages = page.get_by_role("navigation", name="Pages")
    pages.get_by_role("link", name="Page 2", exact=True).click()
    expect(page).to_have_url(re.compile(r"/files\?page=2&per_page=3$"))
    expect(rows(page).first).to_contain_text(found["rows"][0]["name"])
    expect(rows(page)).to_have_count(len(found["rows"]))


def test_nothing_found_and_wrong_conditions_show_what_to_do(plain_reader: Reader) -> None:
    page = plain_reader.page
    page.goto(f"{PAGE}/files?name=none-of-these")
    expect(page.get_by_role("heading", name="No file fits all of this")).to_be_visible()
    answer = page.goto(f"{PAGE}/files?page=99999")
    assert answer is not None
    assert answer.status == 400
    expect(page.get_by_role("alert")).to_contain_text("after the last one")
    page.get_by_role("link", name="Show all files").click()
    expect(rows(page).first).to_be_visible()


@pytest.mark.parametrize("name", ["none", "LADAF-2021-17_kidney"])
def test_there_are_no_files_of_unknown_datasets_and_documents(atlas: Portal, name: str) -> None:
    answer = plain_http.get(f"{atlas.url}/datasets/{name}/files", timeout=60)
    assert answer.status_code == 404
    assert "no page at this address" in answer.text


def test_the_download_of_a_level_leads_to_its_files(plain_reader: Reader) -> None:
    page = plain_reader.page
    page.goto(f"{PAGE}/download?level=1")
    page.get_by_role("link", name="List of these files").click()
    expect(page).to_have_url(re.compile(r"/files\?folder=.*1$"))
    expect(rows(page).filter(has_text="Level 1").first).to_be_visible()
    expect(rows(page).filter(has_text="Level 0")).to_have_count(0)
