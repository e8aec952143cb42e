"""One reader for every dialect of archives."""

from typing import Any

import pytest
from portal_downloader.archives import wlcg_answers
from portal_downloader.archives.wlcg_answers import FileProgress


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"state": "SUBMITTED"}, FileProgress("waiting")),
        ({"state": "STARTED"}, FileProgress("started")),
        ({"state": "COMPLETED"}, FileProgress("staged")),
        ({"state": "CANCELLED"}, FileProgress("cancelled")),
        ({"state": "CANCELED"}, FileProgress("cancelled")),
        ({"state": "FAILED", "error": "why"}, FileProgress("failed", "why")),
        ({"state": "FAILED"}, FileProgress("failed", "the archive gives no reason")),
        ({"onDisk": True}, FileProgress("staged")),
        ({"onDisk": False}, FileProgress("waiting")),
        ({"onDisk": False, "error": "why"}, FileProgress("failed", "why")),
        ({"on_disk": True}, FileProgress("staged")),
        ({"onDisk": True, "state": "STARTED"}, FileProgress("staged")),
        ({"state": "SOMETHING NEW"}, FileProgress("waiting")),
        ({}, FileProgress("waiting")),
    ],
)
def test_progress_is_read_in_every_dialect(entry: dict[str, Any], expected: FileProgress) -> None:
    body = {"id": "1", "createdAt": 1646305430000, "files": [{"path": "//a///b", **entry}]}
    assert wlcg_answers.progress(body) == {"/a/b": expected}


def test_localities_distinguish_missing_from_omitted_paths() -> None:
    body = [
        {"path": "/a", "locality": "DISK_AND_TAPE"},
        {"path": "//b", "locality": "LOST"},
        {"path": "/c", "error": "USER ERROR"},
    ]
    assert wlcg_answers.localities(body) == {
        "/a": "DISK_AND_TAPE",
        "/b": "LOST",
        "/c": "missing",
    }


@pytest.mark.parametrize("version", ["v1", "1", "V1.0", "v1.2"])
def test_discovery_finds_version_one(version: str) -> None:
    body = {
        "endpoints": [{"uri": "x", "version": "v0"}, {"uri": "https://t/api/", "version": version}]
    }
    assert wlcg_answers.endpoint(body) == "https://t/api"


@pytest.mark.parametrize("body", [None, [], "x", {}, {"endpoints": 1}, {"endpoints": [1]}])
def test_invalid_answers_are_refused(body: object) -> None:
    with pytest.raises(ValueError, match=r"not an? |no endpoint"):
        wlcg_answers.endpoint(body)


@pytest.mark.parametrize(
    "body", [None, {"requestId": ""}, {"requestId": 7}, {"requestId": "x" * 999}]
)
def test_a_request_without_an_id_is_no_request(body: object) -> None:
    with pytest.raises(ValueError, match=r"not an object|no requestId"):
        wlcg_answers.request_id(body)


def test_an_error_without_a_sentence_has_none() -> None:
    assert wlcg_answers.problem({"title": "T", "detail": "D"}) == "T: D"
    assert wlcg_answers.problem(["x"]) == ""
