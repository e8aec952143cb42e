"""Restored files over HTTP: whole, in parts, or not at all."""

import hashlib
from typing import Any

import pytest

SIZE = 5000


@pytest.fixture
def path(tape: Any, folder: str) -> str:
    """Of a file on disk."""
    tape.write(f"{folder}/a file é.tif", SIZE)
    tape.settled(tape.stage(f"{folder}/a file é.tif"))
    return f"{folder}/a file é.tif"


def test_a_restored_file_is_read_whole(tape: Any, path: str) -> None:
    content = tape.write(path, SIZE)
    answer = tape.http.get(path)
    assert answer.status_code == 200
    assert answer.content == content
    assert answer.headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-type"] == "image/tiff"
    assert (tape.buffer / path.lstrip("/")).read_bytes() == content


def test_head_is_get_without_the_bytes(tape: Any, path: str) -> None:
    got, head = tape.http.get(path), tape.http.head(path)
    assert head.content == b""
    for name in ("content-length", "content-type", "etag", "accept-ranges"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=100-199", 100, 199),
        ("bytes=4000-", 4000, 4999),
        ("bytes=4000-99999", 4000, 4999),
        ("bytes=-10", 4990, 4999),
        ("bytes=-99999", 0, 4999),
    ],
)
def test_a_range_has_exactly_the_requested_bytes(
    tape: Any, path: str, header: str, first: int, last: int
) -> None:
    answer = tape.http.get(path, headers={"Range": header})
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.content == tape.write(path, SIZE)[first : last + 1]


@pytest.mark.parametrize("header", ["bytes=5000-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_behind_the_end_cannot_be_had(tape: Any, path: str, header: str) -> None:
    answer = tape.http.get(path, headers={"Range": header})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize("header", ["lines=1-2", "bytes=9-1", "bytes=-", "bytes=0-1,4-5", "bytes"])
def test_a_range_that_means_nothing_is_ignored(tape: Any, path: str, header: str) -> None:
    answer = tape.http.get(path, headers={"Range": header})
    assert answer.status_code == 200
    assert len(answer.content) == SIZE


def test_a_part_is_given_only_of_the_same_file(tape: Any, path: str) -> None:
    tag = tape.http.head(path).headers["etag"]
    response = {"Range": "bytes=0-9"}
    assert tape.http.get(path, headers={**response, "If-Range": tag}).status_code == 206
    assert tape.http.get(path, headers={**response, "If-Range": '"old"'}).status_code == 200
    assert tape.http.get(path, headers={"If-None-Match": f'"old", {tag}'}).status_code == 304


def test_reading_never_recalls(tape: Any, folder: str) -> None:
    tape.write(f"{folder}/taped")
    for _ in range(2):
        answer = tape.http.get(f"{folder}/taped")
        assert answer.status_code == 409
        assert answer.json()["title"] == "File not on disk"
    assert tape.http.get(f"{folder}/nothing").status_code == 404
    assert tape.http.get(folder).status_code == 404
    assert tape.counts()["recalls"] == {}
    assert tape.locality(f"{folder}/taped") == ["TAPE"]


def test_an_empty_file_needs_no_tape(tape: Any, folder: str) -> None:
    tape.write(f"{folder}/empty", 0)
    answer = tape.http.get(f"{folder}/empty")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "0"


def test_paths_cannot_climb(tape: Any, path: str) -> None:
    climbing = f"{path.rsplit('/', 1)[0]}/%2e%2e/%2e%2e/%2e%2e/etc/passwd"
    assert tape.http.get(climbing).status_code == 400
    assert tape.http.get("/%00").status_code == 400
    assert tape.http.put(path, content=b"x").status_code == 405
    doubled = path.replace("/", "//")[1:]
    assert tape.http.get(doubled).status_code == 200


def test_a_growing_file_of_the_buffer_is_not_visible(tape: Any) -> None:
    (tape.buffer / ".incoming" / "half").write_bytes(b"half")
    assert tape.http.get("/.incoming/half").status_code == 404
