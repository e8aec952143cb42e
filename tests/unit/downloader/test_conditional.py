"""If-Match, If-None-Match, their dates, and If-Range."""

from datetime import UTC, datetime

import pytest
from portal_downloader.http.conditional import evaluate_conditions, http_date, if_range_matches

TAG = '"sha256-aa"'
THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BEFORE, AT, AFTER = (
    "Thu, 01 Jan 2026 00:00:00 GMT",
    http_date(THEN),
    "Sat, 03 Jan 2026 00:00:00 GMT",
)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"if-none-match": TAG}, 304),
        ({"if-none-match": f'"x", {TAG}'}, 304),
        ({"if-none-match": f"W/{TAG}"}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"x"'}, 200),
        ({"if-none-match": '"x"', "if-modified-since": AFTER}, 200),
        ({"if-modified-since": AT}, 304),
        ({"if-modified-since": BEFORE}, 200),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-match": TAG}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": '"x"'}, 412),
        ({"if-match": f"W/{TAG}"}, 412),
        ({"if-unmodified-since": AT}, 200),
        ({"if-unmodified-since": BEFORE}, 412),
        ({"if-unmodified-since": BEFORE, "if-match": TAG}, 200),
    ],
)
def test_conditions_are_evaluated_according_to_the_standard(
    headers: dict[str, str], status: int
) -> None:
    assert evaluate_conditions(headers, tag=TAG, modified=THEN) == status


@pytest.mark.parametrize(
    ("sent", "holds"),
    [
        (None, True),
        (TAG, True),
        (f"W/{TAG}", False),
        ('"sha256-bb"', False),
        (AT, True),
        (BEFORE, False),
        (AFTER, False),
        ("nonsense", False),
    ],
)
def test_a_part_continues_only_the_same_file(sent: str | None, holds: bool) -> None:  # noqa: FBT001
    assert if_range_matches(sent, tag=TAG, modified=THEN) is holds
