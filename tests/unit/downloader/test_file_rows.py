"""From lists of files to rows."""

from datetime import UTC, datetime

import pytest
from portal_downloader.domain import file_rows

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FILE = {"name": "f", "path": "a/b", "size": 3, "sha256": "0" * 64}


def test_the_place_in_the_archive_is_folder_and_location() -> None:
    assert file_rows.content_fields(FILE, "x//y/")["path"] == "/x/y/a/b/f"


@pytest.mark.parametrize("location", ["../x", "a/../../x", "a//b", "/etc/passwd", "a/./b", ".."])
def test_a_name_that_would_leave_its_folder_has_no_place(location: str) -> None:
    assert file_rows.archive_path("folder", location) is None


@pytest.mark.parametrize(
    ("change", "folder", "in_cache", "state"),
    [
        ({}, "d", False, "archived"),
        ({}, "d", True, "online"),
        ({"sha256": None}, "d", True, "unverifiable"),
        ({"size": None}, "d", False, "unverifiable"),
        ({}, None, False, "unverifiable"),
    ],
)
def test_a_fresh_file_is_where_it_is(
    change: dict[str, object],
    folder: str | None,
    in_cache: bool,  # noqa: FBT001
    state: str,
) -> None:
    reported = file_rows.content_fields({**FILE, **change}, folder)
    assert file_rows.new_row_fields(reported, in_cache=in_cache, now=NOW)["state"] == state


def test_the_same_content_at_the_same_place_is_the_same_file() -> None:
    reported = file_rows.content_fields(FILE, "d")
    row = file_rows.new_row_fields(reported, in_cache=False, now=NOW)
    assert file_rows.has_same_content(row, reported)
    assert not file_rows.has_same_content(row, {**reported, "sha256": "1" * 64})
    assert not file_rows.has_same_content(None, reported)
