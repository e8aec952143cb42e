"""HTML pages: every value is escaped."""

from portal_gateway.http import pages

SCRIPT = "<script>alert(1)</script>"


def test_all_values_of_a_record_are_shown_and_escaped() -> None:
    record = {
        "title": SCRIPT,
        "doi": "10.5072/a'b",
        "details": {"donor": [{"age": 63, "note": SCRIPT}], "empty": {}, "count": 0},
    }
    page = pages.record_page(record, "/api/Datasets/a?x=1&y=2")
    assert SCRIPT not in page
    assert page.count("&lt;script&gt;") == 3  # title, heading, note
    assert 'href="https://doi.org/10.5072/a%27b"' in page
    assert 'href="/api/Datasets/a?x=1&amp;y=2"' in page
    assert "<dt>age</dt><dd>63</dd>" in page
    assert "<dt>count</dt><dd>0</dd>" in page
    assert "<dt>empty</dt>" not in page


def test_a_deeply_nested_record_is_cut() -> None:
    nested: dict[str, object] = {"end": SCRIPT}
    for _ in range(50):
        nested = {"inner": nested}
    page = pages.record_page({"title": "t", "details": nested}, "/")
    assert page.count("<dl>") == pages.MAX_DEPTH + 1
    assert SCRIPT not in page


def test_a_tombstone_has_the_day_and_the_reason() -> None:
    page = pages.tombstone_page(
        {"title": "Lung", "withdrawn_at": "2026-01-02T03:04:05Z", "reason": SCRIPT, "pid": "a/b"}
    )
    assert "withdrawn on 2026-01-02." in page
    assert SCRIPT not in page


def test_records_of_a_shared_doi_are_linked() -> None:
    records = [{"level": "dataset", "pid": "a/b", "title": SCRIPT}]
    page = pages.choice_page("10.5072/x", records)
    assert 'href="/datasets/a%2Fb"' in page
    assert SCRIPT not in page


def test_recalls_are_listed_with_the_time_left() -> None:
    dataset = {
        "data": "/data/a%2Fb/", "pid": SCRIPT, "state": "RESTORING", "files": 3, "files_online": 1,
        "bytes": 30, "bytes_online": 10, "since": "2026-01-02T03:04:05Z",
    }  # fmt: skip
    rows = [{**dataset, "seconds_left": seconds} for seconds in (None, 90, 7200)]
    page = pages.staging_page(rows)
    assert SCRIPT not in page
    assert "1 of 3" in page
    for text in ("not known", "2 min", "2 h"):
        assert f"<td>{text}</td>" in page
    assert "No files are being recalled" in pages.staging_page([])
